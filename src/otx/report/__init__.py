"""Plots, tables and pictures, written from result files."""
