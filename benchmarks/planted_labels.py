"""Precision and recall of the search for wrong labels, among pictures with planted ones."""

from collections.abc import Iterator

import numpy as np

from benchmarks.jobs import ImportedDataset
from benchmarks.report import Figure
from core import backbones, images
from core.checks import labels as checks
from core.dataset import splitting
from core.model import batch
from core.model.classifier import Classifier, on_one_thread
from core.settings import Settings
from core.training import config, cross_validation

RATES = (0.05, 0.10)
SEEDS = 3
BURSTS, FRAMES = 160, 8
"""Most bursts per dataset, and frames of each."""
ALONE, IN_BURSTS = "single pictures", f"bursts of {FRAMES}"


def figures(
    name: str, imported: ImportedDataset, settings: Settings, backbone: str
) -> dict[str, Figure]:
    """Precision and recall by kind of pictures, kind of errors and their rate."""
    shown: dict[str, Figure] = {}
    for kind, (embeddings, true, groups) in _pictures(imported, settings, backbone):
        confused = _confused(embeddings, true, groups)
        for confusable in (False, True):
            for rate in RATES:
                scores = [
                    _search(embeddings, true, groups, rate, confused if confusable else None, seed)
                    for seed in range(SEEDS)
                ]
                recall, precision = np.mean(scores, axis=0).tolist()
                errors = "confusable classes" if confusable else "random classes"
                title = f"{name}, {kind}: {100 * rate:g} % wrong labels, {errors}"
                shown[f"{title}, recall"] = Figure(recall)
                shown[f"{title}, precision"] = Figure(precision)
    return shown


def means(figures: dict[str, Figure]) -> dict[str, Figure]:
    """Mean recall and precision over all that `figures` returned.

    No value is required: how many wrong labels can be told depends on the datasets.
    """
    shown: dict[str, Figure] = {}
    for kind in (ALONE, IN_BURSTS):
        for measure in ("recall", "precision"):
            values = [
                figure.value
                for title, figure in figures.items()
                if f", {kind}: " in title and title.endswith(measure) and figure.value is not None
            ]
            if values:
                shown[f"wrong labels of {kind}: mean {measure}"] = Figure(float(np.mean(values)))
    return shown


def _pictures(
    imported: ImportedDataset, settings: Settings, backbone: str
) -> Iterator[tuple[str, tuple[np.ndarray, np.ndarray, np.ndarray]]]:
    """Embeddings (n, d), labels (n,) and groups (n,), of the pictures and of bursts of some."""
    row, crop = backbones.get(backbone), config.preset("quick", backbone=backbone).crop
    examples = imported.dataset.examples
    labels, groups = np.array([e.label for e in examples]), splitting.groups(examples)

    def embed(classifier: Classifier, item: tuple[int, int]) -> np.ndarray:
        index, frame = item
        picture = images.decode(imported.pictures / examples[index].path, limits=settings)
        if frame:
            picture = _frame(picture, np.random.default_rng(item))
        return classifier.answer(images.crop_and_resize(picture, row.size, crop)).embedding

    def embeddings(items: list[tuple[int, int]]) -> np.ndarray:
        build = lambda: Classifier.of_backbone(row, settings, on_one_thread)  # noqa: E731
        return np.stack(list(batch.map_parallel(build, items, embed)))

    everything = [(index, 0) for index in range(len(examples))]
    yield ALONE, (embeddings(everything), labels, groups)
    chosen = np.random.default_rng(0).permutation(len(examples))[:BURSTS]
    frames = [(int(index), frame) for index in chosen for frame in range(1, FRAMES + 1)]
    indices = np.repeat(chosen, FRAMES)
    present, dense = np.unique(labels[indices], return_inverse=True)
    assert len(present) > 1
    yield IN_BURSTS, (embeddings(frames), dense, groups[indices])


def _frame(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Another frame of the same scene: the camera moves a little, and the light changes."""
    height, width = picture.shape[:2]
    high, wide = round(height * random.uniform(0.92, 1)), round(width * random.uniform(0.92, 1))
    top, left = random.integers(0, height - high + 1), random.integers(0, width - wide + 1)
    part = picture[top : top + high, left : left + wide] * random.uniform(0.9, 1.1)
    return (part + random.normal(0, 4, part.shape)).clip(0, 255).astype(np.uint8)


def _confused(embeddings: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """The class that each class is most easily taken for, (k,)."""
    probabilities = cross_validation.out_of_fold(
        embeddings, labels, groups, 0, strength=checks.STRENGTH
    )
    classes = probabilities.shape[1]
    mean = np.stack([probabilities[labels == label].mean(axis=0) for label in range(classes)])
    np.fill_diagonal(mean, -1)
    return mean.argmax(axis=1)


def _search(
    embeddings: np.ndarray,
    true: np.ndarray,
    groups: np.ndarray,
    rate: float,
    confused: np.ndarray | None,
    seed: int,
) -> tuple[float, float]:
    """Recall and precision of a search; all pictures of a group get the same wrong label.

    Args:
        rate: share of the groups that get one.
        confused: the wrong class for each class, (k,); random ones if None.
    """
    random = np.random.default_rng(seed)
    numbers, first = np.unique(groups, return_index=True)
    chosen = random.permutation(len(numbers))[: max(1, round(rate * len(numbers)))]
    wrong = np.isin(groups, numbers[chosen])
    classes = int(true.max()) + 1
    if confused is None:
        shift = random.integers(1, classes, len(numbers))
        replaced = (true[first] + shift) % classes
    else:
        replaced = confused[true[first]]
    labels = np.where(wrong, replaced[np.searchsorted(numbers, groups)], true)
    probabilities = cross_validation.out_of_fold(
        embeddings, labels, groups, seed, strength=checks.STRENGTH
    )
    names = [str(index) for index in range(len(labels))]
    issues = checks.find_label_issues(probabilities, labels, names)
    doubted = np.isin(np.arange(len(labels)), [int(issue.name) for issue in issues])
    hits = (doubted & wrong).sum()
    return float(hits / wrong.sum()), float(hits / doubted.sum()) if doubted.any() else np.nan
