"""Verify an exported file: run the program that ships with it on held-out pictures."""

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
from core.runs.verification import FileVerification
from core.settings import MEGABYTE

logger = logging.getLogger(__name__)

TOLERANCE = 1e-3
"""Largest difference of a probability from the report's, for formats that must match it."""
ACCURACY_LOSS = 0.02
"""Accuracy that other formats may lose, though always at least one picture."""


@dataclass(frozen=True)
class HeldOut:
    """Test pictures with their labels and predictions.

    Attributes:
        paths: the files.
        labels: (n,) indices of their classes.
        probabilities: (n, k) as in the report.
    """

    paths: tuple[Path, ...]
    labels: np.ndarray
    probabilities: np.ndarray

    @property
    def accuracy(self) -> float:
        """Accuracy of the report on these pictures."""
        return float((self.probabilities.argmax(axis=1) == self.labels).mean())


def verify(
    form: Format, path: Path, model: ModelFile, held_out: HeldOut, count: Counter
) -> FileVerification:
    """Compare the predictions of an exported file with those of the report.

    Args:
        path: the file, or the folder of a SavedModel.
        count: called with the number of pictures done; an exception of it ends the process.
    """
    try:
        indices, probabilities, seconds = _predict(form, path, model, held_out, count)
    except _VerificationError as error:
        return FileVerification(file=form.file, passed=False, reason=str(error))
    expected, labels = held_out.probabilities[indices], held_out.labels[indices]
    difference = float(np.abs(probabilities - expected).max())
    predicted = probabilities.argmax(axis=1)
    accuracy = float((predicted == labels).mean())
    expected_accuracy = float((expected.argmax(axis=1) == labels).mean())
    reason = ""
    if form.exact and not difference <= TOLERANCE:  # a NaN is not
        reason = (
            f"{form.file} differs from the report by {difference:.4f} in probability, "
            f"more than {TOLERANCE}; it was withheld."
        )
    elif not np.isfinite(probabilities).all() or expected_accuracy - accuracy > max(
        ACCURACY_LOSS, 1 / len(indices)
    ):
        reason = (
            f"{form.file} gets {100 * accuracy:.1f} % of {len(indices)} held-out pictures right, "
            f"the report {100 * expected_accuracy:.1f} %; it was withheld."
        )
    return FileVerification(
        file=form.file,
        passed=not reason,
        reason=reason,
        agreement=float((predicted == expected.argmax(axis=1)).mean()),
        difference=difference if np.isfinite(difference) else None,
        accuracy=accuracy,
        milliseconds=1000 * float(np.median(seconds)),
        megabytes=size(path) / MEGABYTE,
        runtime=f"{form.packages[-1]} {_version(form.packages[-1])}",
    )


def size(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    inside = path.rglob("*") if path.is_dir() else (path,)
    return sum(file.stat().st_size for file in inside if file.is_file())


class _VerificationError(Exception):
    """Why a file could not be run."""


def _predict(
    form: Format, path: Path, model: ModelFile, held_out: HeldOut, count: Counter
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Indices of the pictures that the program could read, their probabilities and seconds."""
    with tempfile.TemporaryDirectory(prefix="tusker-") as scratch:
        folder = Path(scratch)
        program, request = folder / form.program, folder / "request.json"
        program.write_text(programs.prediction(form, model), encoding="utf-8")
        (folder / "labels.txt").touch()
        values = {
            "program": str(program),
            "model": str(path),
            "pictures": [str(picture) for picture in held_out.paths],
            "answers": str(folder / "answers.npz"),
        }
        request.write_text(json.dumps(values), encoding="utf-8")
        command = [sys.executable, "-I", str(programs.RUNNER), str(request)]
        _run(command, form, len(held_out.paths), count)
        with np.load(folder / "answers.npz", allow_pickle=False) as file:
            indices, probabilities, seconds = (
                file[name] for name in ("indices", "probabilities", "seconds")
            )
    if not len(indices):
        raise _VerificationError(
            f"{form.file} could not be verified: Pillow alone opens none of the held-out pictures."
        )
    if probabilities.shape != (len(indices), len(model.classes)):
        raise _VerificationError(
            f"{form.file} does not give a probability for each class; it was withheld."
        )
    return indices, probabilities, seconds


def _run(command: list[str], form: Format, total: int, count: Counter) -> None:
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if line.strip().isdecimal():
                    count(f"Verifying {form.file}", int(line), total)
        except BaseException:
            process.kill()
            raise
        if process.wait():
            errors.seek(0)
            logger.error("%s: %s", form.file, errors.read().decode(errors="replace"))
            raise _VerificationError(
                f"{form.file} could not be opened in a fresh process; it was withheld. "
                "The log says why."
            )


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:  # tensorflow-cpu is TensorFlow under another name
        return metadata.version(f"{package}-cpu")
