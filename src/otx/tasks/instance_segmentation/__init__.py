"""Instance segmentation: objects with one label and one mask each."""
