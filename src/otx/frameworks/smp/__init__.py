"""Segmenters of segmentation-models-pytorch."""
