"""Hierarchical classification: labels in a tree of groups; what is true of an image is a path, or several."""
