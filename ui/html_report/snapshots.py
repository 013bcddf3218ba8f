"""The pictures inside the HTML report: wrong ones, some correct ones, labels that may be wrong."""

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from core import images
from core.checks.labels import LabelIssue
from core.evaluation import browsing
from core.evaluation.report import Prediction
from core.export.card import RunDetails
from core.model import heatmap
from core.runs.run import Run
from ui import text

WRONG, CORRECT, LABEL_ISSUES = 120, 24, 24
"""Most pictures of each kind."""
BYTES = 5_000_000
"""Most characters of all pictures together, so that the file can be sent by mail."""
STRENGTH = 0.65


@dataclass(frozen=True)
class Snapshot:
    """A picture inside the report.

    Attributes:
        about: the prediction of a test picture, or the doubt about a training picture.
        picture: as a `data:` URL.
        evidence: heat maps for the predicted and the actual class, likewise; empty where there
            are none.
    """

    about: Prediction | LabelIssue
    picture: str
    evidence: tuple[str, ...] = ()


def choose(run: Run, details: RunDetails) -> dict[str, list[Snapshot]]:
    """The pictures that fit, by kind: `correct`, `issues`, and `wrong`, the likeliest first."""
    predictions = details.report.predictions
    hits = [prediction.label == prediction.predicted for prediction in predictions]
    correct = [index for index, hit in enumerate(hits) if hit]
    wrong = [index for index, hit in enumerate(hits) if not hit]
    wrong.sort(key=lambda index: -predictions[index].probability)
    candidates = {
        "correct": _test_pictures(run, details, _some_of_each_class(correct, predictions)),
        "issues": _label_issues(run, details.label_issues[:LABEL_ISSUES]),
        "wrong": _test_pictures(run, details, wrong[:WRONG], run.heatmaps()),
    }
    chosen: dict[str, list[Snapshot]] = {}
    characters_left = BYTES
    for kind, snapshots in candidates.items():
        chosen[kind] = []
        for snapshot in snapshots:
            characters_left -= len(snapshot.picture) + sum(map(len, snapshot.evidence))
            if characters_left < 0:
                break
            chosen[kind].append(snapshot)
    return chosen


def _some_of_each_class(indices: list[int], predictions: tuple[Prediction, ...]) -> list[int]:
    shuffled = [indices[i] for i in np.random.default_rng(0).permutation(len(indices))]
    turns = browsing.round_robin(predictions[index].label for index in shuffled)
    return [shuffled[turn] for turn in turns[:CORRECT]]


def _test_pictures(
    run: Run, details: RunDetails, indices: Iterable[int], maps: np.ndarray | None = None
) -> Iterator[Snapshot]:
    for index in indices:
        content = _content(run.thumbnail(index))
        if content is None:
            continue
        evidence: tuple[str, ...] = ()
        if maps is not None and index < len(maps):
            evidence = tuple(_covered(content, heat, details.config.crop) for heat in maps[index])
        yield Snapshot(details.report.predictions[index], text.data_url(content), evidence)


def _label_issues(run: Run, label_issues: Iterable[LabelIssue]) -> Iterator[Snapshot]:
    for number, issue in enumerate(label_issues):
        content = _content(run.label_issue_thumbnail(number))
        if content is not None:
            yield Snapshot(issue, text.data_url(content))


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _covered(content: bytes, heat: np.ndarray, crop: float) -> str:
    """A picture, a JPEG that Tusker wrote, under a heat map."""
    picture = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    covered = heatmap.overlay(picture, np.asarray(heat), crop=crop, strength=STRENGTH)
    return text.data_url(images.thumbnail(covered, edge=max(covered.shape)))
