"""Anomaly classification, detection and segmentation: what is not like the normal images of the training."""
