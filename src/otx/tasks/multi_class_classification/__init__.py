"""Multi-class classification: exactly one label per image."""
