"""A pile: pictures without classes, with their features and clusters, in the folder of an upload.

Beside the files of an intake, the folder contains

    features.npy    principal components of the embeddings
    pile.json       the pictures and the tree of clusters; written last
    labels.jsonl    the visitor's labels, one step per line
"""

import json
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import numpy as np
from pydantic import BaseModel, Field

from core import backbones, checks, intake
from core import dataset as datasets
from core.backbones import serving
from core.dataset import Dataset, Example, Skipped, splitting
from core.dataset.fingerprints import Fingerprints
from core.errors import BadDataset
from core.images import AS_DECLARED, Scale
from core.jobs import owned_folders, quotas
from core.labelling import clusters
from core.settings import Settings
from core.system import files
from core.system.progress import Progress
from core.training import cache, engines, features
from core.training.augmentation import Rendering
from core.training.config import Augmentation, TrainingConfig
from core.training.network import Network

FILE, FEATURES = "pile.json", "features.npy"
MINIMUM_PICTURES = 12
"""Fewest pictures of a pile."""
MINIMUM_GROUPS = 3
"""Fewest groups of pictures that look the same: two classes, and a test picture."""
TEST_SHARE, TEST_LEAST, TEST_MOST_SHARE = 0.1, 30, 0.25
"""A tenth is the test set, but no fewer than 30 pictures, unless that is more than a quarter."""


class Pile(BaseModel, frozen=True, arbitrary_types_allowed=True, validate_by_name=True):
    """Pictures without classes, which are identified by their index in `pictures`.

    Attributes:
        folder: of the upload.
        features: (n, d) float32.
        name: of the upload.
        scale: of pictures of more than 8 bits.
        pictures: without exact copies.
        skipped: files that were left out.
        group_of: group of each picture; pictures of one group look the same.
        test: the test pictures, in the order in which they are to be labelled.
        leaves: the leaf of the tree that each of `others` is in.
        merges: the tree.
    """

    folder: Path = Field(exclude=True)
    features: np.ndarray = Field(exclude=True)
    name: str
    scale: Scale = AS_DECLARED
    pictures: tuple[Example, ...]
    skipped: tuple[Skipped, ...]
    group_of: tuple[int, ...] = Field(alias="groups")
    test: tuple[int, ...]
    leaves: tuple[int, ...]
    merges: clusters.Merges

    @cached_property
    def groups(self) -> np.ndarray:
        """`group_of` as (n,) int64."""
        return np.array(self.group_of, np.int64)

    @cached_property
    def others(self) -> np.ndarray:
        """The pictures that are not for the test, (m,) int64."""
        return np.setdiff1d(np.arange(len(self.pictures)), self.test)

    @cached_property
    def _at_leaf(self) -> dict[int, list[int]]:
        pictures: dict[int, list[int]] = {}
        for picture, leaf in zip(self.others.tolist(), self.leaves, strict=True):
            pictures.setdefault(leaf, []).append(picture)
        return pictures

    def members(self, node: int) -> list[int]:
        """The pictures of a cluster, the most typical first."""
        leaves = clusters.below(self.merges, node)
        pictures = [picture for leaf in leaves for picture in self._at_leaf[leaf]]
        return clusters.typical_first(self.features, pictures)

    def cut(self, count: int) -> tuple[int, ...]:
        """The nodes of `count` clusters."""
        return clusters.cut(self.merges, count)

    def children(self, node: int) -> tuple[int, ...]:
        """The two clusters that a cluster is divided into; none for a leaf."""
        above = node - len(self.merges) - 1
        return self.merges[above] if above >= 0 else ()

    def path(self, picture: int) -> Path:
        """The file of a picture."""
        return intake.pictures(self.folder) / self.pictures[picture].path

    def thumbnail(self, picture: int) -> Path:
        """The thumbnail of a picture."""
        return intake.thumbnail(self.folder, self.pictures[picture])


def ingest(source: Path, name: str, folder: Path, settings: Settings, progress: Progress) -> Pile:
    """Ingest pictures without classes: leave copies out, extract features, cluster.

    Args:
        source: a zip or a folder; its folders do not matter.
        folder: of the upload, created if missing.

    Raises:
        BadInput: the upload cannot be used.
        Cancelled: by `progress`.
    """
    pictures = intake.pictures(folder)
    dataset = datasets.read(
        source,
        pictures,
        settings,
        progress,
        name=name,
        thumbnails=folder / intake.THUMBNAILS,
        expect_classes="none",
    ).dataset
    dataset = _without_duplicates(
        checks.examine(dataset, pictures, settings, progress)[0], pictures
    )
    if (count := len(dataset.examples)) < MINIMUM_PICTURES:
        raise BadDataset(
            f"Expected at least {MINIMUM_PICTURES} different pictures that can be read, found "
            f"{count} in {dataset.name}. Add some."
        )
    embeddings = _embeddings(dataset, pictures, settings, progress)
    progress("Grouping pictures", 0, 1)
    groups = splitting.groups(dataset.examples)
    if (different := len(np.unique(groups))) < MINIMUM_GROUPS:
        raise BadDataset(
            f"Expected pictures of at least {MINIMUM_GROUPS} scenes, one of them for the test; "
            f"found near-copies of {different} in {dataset.name}. Add others."
        )
    test = _draw_test(groups)
    others = np.setdiff1d(np.arange(len(groups)), test)
    projected = clusters.project(embeddings, others)
    leaves, merges = clusters.tree(projected[others], groups[others])
    with files.replacing(folder / FEATURES) as path:
        np.save(path, projected)
    pile = Pile(
        folder=folder,
        features=projected,
        name=name,
        scale=dataset.scale,
        pictures=dataset.examples,
        skipped=dataset.skipped,
        group_of=tuple(groups.tolist()),
        test=tuple(test),
        leaves=tuple(leaves.tolist()),
        merges=merges,
    )
    files.write_text(folder / FILE, pile.model_dump_json(by_alias=True))
    return pile


def load(folder: Path) -> Pile:
    """Read the result of `ingest`.

    Raises:
        BadDataset: the folder is unfinished or damaged.
    """
    try:
        features = np.load(folder / FEATURES, allow_pickle=False)
        stored = json.loads((folder / FILE).read_bytes())
        return Pile(folder=folder, features=features, **stored)
    except (OSError, ValueError, TypeError) as error:
        raise BadDataset("These pictures are no longer here. Upload them again.") from error


def list_piles(settings: Settings, owned: Callable[[Path], bool]) -> list[Path]:
    """Folders of all piles that `owned` accepts, the last used first."""
    paths = owned_folders.list_folders(settings.home / quotas.UPLOADS)
    piles = [path for path in paths if (path / FILE).is_file() and owned(path)]
    return sorted(piles, key=files.modified, reverse=True)


def _without_duplicates(dataset: Dataset, pictures: Path) -> Dataset:
    """The dataset without pictures whose pixels equal those of one before them."""
    fingerprints = Fingerprints.load(pictures)
    assert fingerprints is not None  # `datasets.read` wrote them
    pixels = fingerprints.rows["pixels"]
    first: dict[str, Example] = {}
    originals = [
        first.setdefault(str(pixels[fingerprints.place[example.sha256]]), example)
        for example in dataset.examples
    ]
    copies = (
        Skipped(name=example.name, reason=f"The same as {original.name}.")
        for example, original in zip(dataset.examples, originals, strict=True)
        if example is not original
    )
    return dataset.model_copy(
        update={"examples": tuple(first.values()), "skipped": (*dataset.skipped, *copies)}
    )


def _embeddings(
    dataset: Dataset, pictures: Path, settings: Settings, progress: Progress
) -> np.ndarray:
    """Features of the default backbone, as a Quick training extracts them, from its cache."""
    backbone = backbones.get(backbones.DEFAULT)
    if serving.locate(backbone, settings) is None:
        serving.prepare(backbone, settings, progress)
    with cache.open_cache(cache.cache_folder(pictures, settings), settings) as opened:
        return features.extract(
            dataset.examples,
            pictures,
            Rendering(
                Augmentation(), backbone.size, TrainingConfig().crop, settings, scale=dataset.scale
            ),
            engines.litert(Network(backbone, settings), None),
            opened,
            progress=lambda done, total: progress("Extracting features", done, total),
        ).embeddings[:, 0]


def _draw_test(groups: np.ndarray) -> list[int]:
    """Draw test pictures in whole groups, so that none looks like a training picture.

    If every group is larger than the test set should be, the smallest one is the test set.
    """
    total = len(groups)
    size = round(min(max(TEST_SHARE * total, TEST_LEAST), TEST_MOST_SHARE * total))
    test: list[int] = []
    for group in np.random.default_rng(0).permutation(np.unique(groups)):
        members = np.flatnonzero(groups == group).tolist()
        # A group that is too large is passed over.
        if len(test) + len(members) <= size:
            test += members
        if len(test) == size:
            break
    return test or np.flatnonzero(groups == np.bincount(groups).argmin()).tolist()
