"""Keypoint detection: objects with a box, a label and named points."""
