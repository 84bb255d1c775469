"""Action classification: exactly one label per video. Built on the classification of images."""
