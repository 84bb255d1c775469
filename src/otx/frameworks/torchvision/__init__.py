"""Detectors and classifiers of torchvision."""
