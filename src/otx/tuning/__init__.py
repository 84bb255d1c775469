"""Hyper-parameter search by Optuna: each trial is a training of its own, in a process of its own."""
