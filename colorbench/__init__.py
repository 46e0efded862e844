"""colorbench: losses, metrics and a standard GPU budget for image colorization."""

__version__ = "0.1.0"
