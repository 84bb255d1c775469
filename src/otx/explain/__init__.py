"""Why a model predicts what it predicts: maps of the image, and how far they can be trusted."""
