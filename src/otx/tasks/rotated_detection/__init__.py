"""Rotated boxes, found by instance segmentation: a box is drawn as a mask, and read from the mask again."""
