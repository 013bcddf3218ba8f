"""Folders of pictures as a dataset: read, and dealt out to training, validation and test."""

from core.archive import Skipped
from core.dataset.examples import Dataset, Example
from core.dataset.layout import Split
from core.dataset.reading import Progress, read, thumbnail_name
from core.dataset.splitting import split

__all__ = ["Dataset", "Example", "Progress", "Skipped", "Split", "read", "split", "thumbnail_name"]
