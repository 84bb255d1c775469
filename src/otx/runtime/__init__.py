"""Runs an exported model and returns the same prediction entities as the torch model."""
