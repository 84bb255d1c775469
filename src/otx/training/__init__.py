"""Training on PyTorch Lightning: the one LightningModule, callbacks, optimisers, checkpoints, resume."""
