"""Data sets: recognising, importing and checking them, and feeding them to a model."""
