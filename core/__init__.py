"""Train, evaluate and export image classifiers; this package has no user interface."""

__version__ = "1.0.0"
