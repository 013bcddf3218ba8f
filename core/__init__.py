"""Train, evaluate and export image classifiers; this package knows nothing about the screen."""

__version__ = "1.0.0"
