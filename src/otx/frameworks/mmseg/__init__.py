"""Semantic segmenters of MMSegmentation, and its augmentation."""
