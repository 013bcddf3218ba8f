"""What all steps of a training need: settings, dataset, network, cache and events."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from core import backbones, images
from core.backbones import Backbone
from core.dataset import Dataset, Example, Split
from core.errors import BadDataset
from core.jobs.events import Emit, Note
from core.model import storage
from core.settings import Settings
from core.training.augmentation import Rendering
from core.training.backbone_cut import cut_stage
from core.training.cache import FeatureCache, embedding_array
from core.training.config import Augmentation, TrainingConfig
from core.training.network import Network

LEARNED: tuple[Split, ...] = ("train", "validation")
"""The splits that a model learns from."""


@dataclass(frozen=True)
class TrainingContext:
    """A training's settings and dataset, with its split.

    Attributes:
        pictures: folder that the dataset's paths are relative to.
        emit: receives each event; may raise `Cancelled`.
        start: folder of the model to continue from; None for the published backbone.
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
        """The network that the training starts from."""
        return Network(self.backbone, self.settings, self.start)

    @cached_property
    def learned(self) -> frozenset[str]:
        """SHA-256 of the pictures that the model to continue from learned from."""
        return frozenset() if self.start is None else storage.load_learned(self.start)

    def of(self, *splits: Split) -> tuple[Example, ...]:
        """The examples of one split, or of several in this order."""
        return tuple(example for split in splits for example in self.dataset.of(split))

    def say(self, sentence: str, *, lasting: bool = False) -> None:
        """Emit a note for the user."""
        self.emit(Note(sentence=sentence, lasting=lasting))

    def rendering(self, augmentation: Augmentation) -> Rendering:
        """How views of the pictures are rendered with these variations."""
        config, dataset = self.config, self.dataset
        size, limits = self.backbone.size, self.settings
        return Rendering(augmentation, size, config.crop, limits, config.seed, dataset.scale)

    def plain_view(self, example: Example) -> np.ndarray:
        """A picture as the network sees it, (size, size, 3) uint8. Raises BadImage."""
        path, size, crop = self.pictures / example.path, self.backbone.size, self.config.crop
        return images.decode_and_crop(path, size, crop, self.dataset.scale, limits=self.settings)

    def cached_views(self, candidate: TrainingConfig) -> tuple[int, int]:
        """Views in the cache that a candidate needs to be compared, and besides to be trained."""
        backbone = backbones.get(candidate.backbone)
        array = embedding_array(() if candidate.features == "last" else backbone.depths)
        if candidate.fine_tunes:
            array = backbone.stages[cut_stage(candidate)].layer
        plain, *further = self.rendering(candidate.augmentation).cache_keys()

        def cached(views: Sequence[str], *splits: Split) -> int:
            pictures = [example.sha256 for example in self.of(*splits)]
            return self.cache.count(backbone.name, array, views, pictures)

        later = cached(further, "train") + (0 if candidate.fine_tunes else cached([plain], "test"))
        return cached([plain], *LEARNED), later

    def labels(self, *splits: Split) -> np.ndarray:
        """The labels of these examples, (n,) int64."""
        return np.array([example.label for example in self.of(*splits)], np.int64)

    def check(self) -> None:
        """Raise `BadDataset` if a split is empty, or a class has no training picture."""
        splits: tuple[Split, ...] = ("train", "validation", "test")
        pictures = len(self.dataset.examples)
        learned = sum(example.sha256 in self.learned for example in self.dataset.examples)
        for split in splits:
            if self.of(split):
                continue
            if learned:
                raise BadDataset(
                    f"Expected pictures that are new to the model, to test it; it learned from "
                    f"{learned} of these {pictures}. Add new pictures."
                )
            raise BadDataset(
                f"Expected {split} pictures, found none among {pictures}. "
                "Add pictures, or lower the shares for validation and test."
            )
        present = set(self.labels("train").tolist())
        missing = [name for i, name in enumerate(self.dataset.classes) if i not in present]
        if missing:
            raise BadDataset(
                f"Expected training pictures of each class, found none of {', '.join(missing)}. "
                "Add pictures, or leave the class out."
            )
