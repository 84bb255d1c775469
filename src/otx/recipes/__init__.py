"""Training recipes: one base per task in YAML, small overlays, and the loader."""
