"""OTX: train computer-vision models and put them on Intel hardware, on the OpenVINO workflow."""

__version__ = "3.0.0.dev0"
