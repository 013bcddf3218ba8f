"""The pictures inside the HTML report: wrong ones, some correct ones, labels that may be wrong."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from core.checks.labels import LabelIssue
from core.evaluation.report import Prediction
from core.export.card import Facts
from core.model import heatmap
from core.runs.run import Run

WRONG, CORRECT, LABEL_ISSUES = 120, 24, 24
"""Most pictures of each kind."""
BYTES = 5_000_000
"""Most characters of all pictures together, so that the file can be sent by mail."""
STRENGTH = 0.65
QUALITY = 80


@dataclass(frozen=True)
class Snapshot:
    """A test picture with its prediction.

    Attributes:
        picture: as a `data:` URL.
        evidence: heat maps for the predicted and the actual class, likewise; empty where there
            are none.
    """

    prediction: Prediction
    picture: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True)
class IssueSnapshot:
    """A training picture whose label may be wrong."""

    issue: LabelIssue
    picture: str


@dataclass(frozen=True)
class Snapshots:
    """The pictures inside the report, and how many of each kind there are in all."""

    wrong: tuple[Snapshot, ...]
    all_wrong: int
    correct: tuple[Snapshot, ...]
    all_correct: int
    issues: tuple[IssueSnapshot, ...]
    all_issues: int


@dataclass
class _Budget:
    """How many characters may still be added."""

    left: int
    exhausted: bool = field(default=False, init=False)

    def takes(self, *urls: str) -> bool:
        size = sum(map(len, urls))
        self.exhausted = self.exhausted or size > self.left
        self.left -= 0 if self.exhausted else size
        return not self.exhausted


def choose(run: Run, facts: Facts) -> Snapshots:
    """The pictures that fit; of the wrong ones, those with the highest probability."""
    predictions = facts.report.predictions
    correct = [i for i, one in enumerate(predictions) if one.label == one.predicted]
    wrong = [i for i, one in enumerate(predictions) if one.label != one.predicted]
    wrong.sort(key=lambda place: -predictions[place].probability)
    budget = _Budget(BYTES)
    return Snapshots(
        correct=_snapshots(run, facts, _some_of_each_class(correct, predictions), budget),
        all_correct=len(correct),
        issues=_issues(run, facts.label_issues[:LABEL_ISSUES], budget),
        all_issues=len(facts.label_issues),
        wrong=_snapshots(run, facts, wrong[:WRONG], budget, explained=True),
        all_wrong=len(wrong),
    )


def _some_of_each_class(places: list[int], predictions: tuple[Prediction, ...]) -> list[int]:
    """Random pictures, one of each class in turn."""
    shuffled = [places[i] for i in np.random.default_rng(0).permutation(len(places))]
    turn: dict[int, int] = {}
    ranked = []
    for place in shuffled:
        label = predictions[place].label
        turn[label] = turn.get(label, -1) + 1
        ranked.append((turn[label], label, place))
    return [place for _, _, place in sorted(ranked)[:CORRECT]]


def _snapshots(
    run: Run, facts: Facts, places: Iterable[int], budget: _Budget, *, explained: bool = False
) -> tuple[Snapshot, ...]:
    maps = run.heatmaps() if explained else None
    snapshots: list[Snapshot] = []
    for place in places:
        content = _content(run.thumbnail(place))
        if content is None:
            continue
        evidence: tuple[str, ...] = ()
        if maps is not None and place < len(maps):
            evidence = tuple(_covered(content, heat, facts.config.crop) for heat in maps[place])
        snapshot = Snapshot(facts.report.predictions[place], _url(content), evidence)
        if not budget.takes(snapshot.picture, *evidence):
            break
        snapshots.append(snapshot)
    return tuple(snapshots)


def _issues(
    run: Run, label_issues: tuple[LabelIssue, ...], budget: _Budget
) -> tuple[IssueSnapshot, ...]:
    contents = (_content(run.label_issue_thumbnail(i)) for i in range(len(label_issues)))
    snapshots = (
        IssueSnapshot(issue, _url(content))
        for issue, content in zip(label_issues, contents, strict=True)
        if content is not None
    )
    return tuple(snapshot for snapshot in snapshots if budget.takes(snapshot.picture))


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _covered(content: bytes, heat: np.ndarray, crop: float) -> str:
    """A picture, a JPEG that Tusker wrote, under a heat map."""
    picture = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    covered = heatmap.overlay(picture, np.asarray(heat), crop=crop, strength=STRENGTH)
    packed = io.BytesIO()
    Image.fromarray(covered).save(packed, "JPEG", quality=QUALITY)
    return _url(packed.getvalue())


def _url(content: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(content).decode()}"
