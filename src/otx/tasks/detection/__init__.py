"""Object detection: upright boxes with one label each."""
