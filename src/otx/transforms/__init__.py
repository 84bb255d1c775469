"""Augmentation and resizing of entities, on TorchVision v2."""
