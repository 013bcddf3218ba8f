"""Read folders of pictures into a dataset, and split it into training, validation and test."""

from core.archive.unpacking import Skipped
from core.dataset.examples import Dataset, Example
from core.dataset.layout import Split
from core.dataset.reading import read, thumbnail_name
from core.dataset.splitting import split
