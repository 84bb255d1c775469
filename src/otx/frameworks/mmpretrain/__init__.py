"""Classifiers of MMPretrain, and its augmentation."""
