"""Classifiers of timm (PyTorch Image Models): its catalog rows, any other of its model names, and the adapter."""
