"""Detectors of MMDetection, and its augmentation."""
