"""Anomaly models of anomalib: its networks, without its engine."""
