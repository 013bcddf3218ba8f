"""What every step of a training needs to know."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from core.backbones import Backbone
from core.dataset import Dataset, Example, Split
from core.errors import BadDataset
from core.jobs.events import Emit
from core.settings import Settings
from core.training.cache import FeatureCache
from core.training.config import TrainingConfig
from core.training.network import Network


@dataclass(frozen=True)
class TrainingContext:
    """A training as it was ordered, with its dataset split.

    Attributes:
        pictures: folder that the dataset's paths are relative to.
        emit: is told each event; may raise `Cancelled`.
        start: folder of the model that it goes on from; None for the backbone as published.
    """

    config: TrainingConfig
    dataset: Dataset
    pictures: Path
    backbone: Backbone
    settings: Settings
    cache: FeatureCache
    emit: Emit
    start: Path | None = None

    @cached_property
    def network(self) -> Network:
        """What the training starts from."""
        return Network(self.backbone, self.settings, self.start)

    def of(self, split: Split) -> tuple[Example, ...]:
        """The examples of a split."""
        return self.dataset.of(split)

    def labels(self, split: Split) -> np.ndarray:
        """Their labels, (n,) int64."""
        return np.array([example.label for example in self.of(split)], np.int64)

    def check(self) -> None:
        """Raise `BadDataset` if a part is empty, or a class has nothing to be taught by."""
        splits: tuple[Split, ...] = ("train", "validation", "test")
        for split in splits:
            if not self.of(split):
                raise BadDataset(
                    f"No picture is left for {split}: found {len(self.dataset.examples)} in all. "
                    "Add pictures, or lower the shares for validation and test."
                )
        taught = set(self.labels("train").tolist())
        missing = [name for i, name in enumerate(self.dataset.classes) if i not in taught]
        if missing:
            raise BadDataset(
                f"No training picture is left of {', '.join(missing)}. "
                "Add pictures, or leave it out."
            )
