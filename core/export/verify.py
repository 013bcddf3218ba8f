"""Prove a file: open it in a fresh process, and ask it by the very program that ships with it."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np

from core.export import programs
from core.export.formats import Format
from core.jobs.events import Counter
from core.model.storage import ModelFile
from core.runs.verification import Proof
from core.settings import MEGABYTE

logger = logging.getLogger(__name__)

TOLERANCE = 1e-3
"""Largest difference of a probability in a file that must answer as the report does."""
LOSS = 0.02
"""Part of the accuracy that the others may lose; at least a picture, the least that can be seen."""


@dataclass(frozen=True)
class HeldOut:
    """Pictures that the model was not taught, and what is known of them.

    Attributes:
        paths: where they are.
        labels: (n,) what they show.
        probabilities: (n, k) what the report says.
    """

    paths: tuple[Path, ...]
    labels: np.ndarray
    probabilities: np.ndarray

    @property
    def accuracy(self) -> float:
        """Share of them that the report has right."""
        return float((self.probabilities.argmax(axis=1) == self.labels).mean())


def verify(form: Format, path: Path, saved: ModelFile, known: HeldOut, count: Counter) -> Proof:
    """Ask a file about held-out pictures and hold its answers against the report's.

    Args:
        path: of the file, or the folder of a SavedModel.
        count: is told how many pictures it was asked about; what it raises ends the process.
    """
    try:
        asked, answers, seconds = _ask(form, path, saved, known, count)
    except _Failed as failure:
        return Proof(file=form.file, passed=False, reason=str(failure))
    wanted, labels = known.probabilities[asked], known.labels[asked]
    difference = float(np.abs(answers - wanted).max())
    said, right = answers.argmax(axis=1), wanted.argmax(axis=1) == labels
    accuracy = float((said == labels).mean())
    reason = ""
    if form.exact and not difference <= TOLERANCE:  # a NaN is not
        reason = (
            f"{form.file} differs from the report by {difference:.4f} in probability, "
            f"more than {TOLERANCE}; it was withheld."
        )
    elif not np.isfinite(answers).all() or (right.mean() - accuracy) > max(LOSS, 1 / len(asked)):
        reason = (
            f"{form.file} gets {100 * accuracy:.1f} % of {len(asked)} held-out pictures right, "
            f"the report {100 * right.mean():.1f} %; it was withheld."
        )
    return Proof(
        file=form.file,
        passed=not reason,
        reason=reason,
        agreement=float((said == wanted.argmax(axis=1)).mean()),
        difference=difference if np.isfinite(difference) else None,
        accuracy=accuracy,
        milliseconds=1000 * float(np.median(seconds)),
        megabytes=size(path) / MEGABYTE,
        runtime=f"{form.packages[-1]} {_version(form.packages[-1])}",
    )


def size(path: Path) -> int:
    """Bytes of a file, or of all in a folder."""
    inside = path.rglob("*") if path.is_dir() else (path,)
    return sum(one.stat().st_size for one in inside if one.is_file())


class _Failed(Exception):
    """Why a file could not be asked."""


def _ask(
    form: Format, path: Path, saved: ModelFile, known: HeldOut, count: Counter
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbers of the pictures that it could be asked about, its answers, and the seconds of each.

    Pictures of a kind that takes more than Pillow are left out.
    """
    with tempfile.TemporaryDirectory(prefix="tusker-") as scratch:
        folder = Path(scratch)
        program = folder / form.program
        program.write_text(programs.prediction(form, saved), encoding="utf-8")
        (folder / "labels.txt").touch()
        order = {
            "program": str(program),
            "model": str(path),
            "pictures": [str(picture) for picture in known.paths],
            "answers": str(folder / "answers.npz"),
        }
        (folder / "order.json").write_text(json.dumps(order), encoding="utf-8")
        command = [sys.executable, "-I", str(programs.PROVE), str(folder / "order.json")]
        _run(command, form, known, count)
        with np.load(folder / "answers.npz", allow_pickle=False) as found:
            asked, answers, seconds = found["asked"], found["answers"], found["seconds"]
    if not len(asked):
        raise _Failed(
            f"{form.file} could not be proven: Pillow alone opens none of the held-out pictures."
        )
    if answers.shape != (len(asked), len(saved.classes)):
        raise _Failed(f"{form.file} does not give a probability for each class; it was withheld.")
    return asked, answers, seconds


def _run(command: list[str], form: Format, known: HeldOut, count: Counter) -> None:
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if line.strip().isdecimal():
                    count(f"Proving {form.file}", int(line), len(known.paths))
        except BaseException:
            process.kill()
            raise
        if process.wait():
            errors.seek(0)
            logger.error("%s: %s", form.file, errors.read().decode(errors="replace"))
            raise _Failed(
                f"{form.file} could not be asked in a process of its own; it was withheld. "
                "The log says why."
            )


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:  # tensorflow-cpu is TensorFlow under another name
        return metadata.version(f"{package}-cpu")
