"""Verify an exported file: run the program that ships with it on held-out pictures."""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from core import images
from core.errors import BadImage
from core.evaluation.prediction_sets import members
from core.evaluation.wording import percent
from core.export import programs
from core.export.formats import LABELS, Format, size
from core.jobs.events import Counter
from core.model import storage
from core.model.decision import ALWAYS_ANSWER, Decision
from core.model.storage import ModelFile
from core.runs.verification import FileVerification
from core.settings import MEGABYTE, Settings

logger = logging.getLogger(__name__)

TOLERANCE = 1e-3
"""Largest difference of a probability from the report's, for formats that must match it."""
OOD_TOLERANCE = 0.01
"""Distance of an OOD score from 1 within which the verdict may differ."""
ACCURACY_LOSS = 0.02
"""Accuracy that other formats may lose, though always at least one picture."""


@dataclass(frozen=True)
class HeldOut:
    """Test pictures with their labels and predictions.

    Attributes:
        paths: of the files, n.
        labels: (n,) indices of their classes.
        probabilities: (n, k), predictions of the model; of original pictures, those in the report.
        limits: of the host, for pictures.
        decision: threshold and prediction sets that the programs are verified with.
        ood_scores: (n,) of the model; None without a detector.
        ood_detector: its file; None without one.
        thumbnails: whether the files are the small copies that the run keeps.
    """

    paths: tuple[Path, ...]
    labels: np.ndarray
    probabilities: np.ndarray
    limits: Settings
    decision: Decision = ALWAYS_ANSWER
    ood_scores: np.ndarray | None = None
    ood_detector: Path | None = None
    thumbnails: bool = False


def verify(
    form: Format, path: Path, model: ModelFile, held_out: HeldOut, count: Counter
) -> FileVerification:
    """Compare the predictions of an exported file with those of the report, in a fresh process.

    Pictures that its program cannot open are decoded here, and the file is run on their pixels.

    Args:
        path: of the file, or the folder of a SavedModel.
        count: called with the number of pictures done; if it raises, the process is ended.
    """
    with tempfile.TemporaryDirectory(prefix="tusker-") as scratch:
        folder, detector = Path(scratch), held_out.ood_detector
        program = programs.prediction(form, model, held_out.decision, ood=detector is not None)
        (folder / form.program).write_text(program, encoding="utf-8")
        if detector is not None:
            shutil.copyfile(detector, folder / storage.OOD)
        (folder / LABELS).touch()
        try:
            answers = _run_program(form, path, model, held_out.paths, folder, count)
            views, formats = _decoded(held_out, model, answers.indices, folder)
            if views:
                on_pixels = _run_program(
                    form, path, model, [*views.values()], folder, Counter(lambda _: None)
                )
                answers = answers.joined(replace(on_pixels, indices=np.array([*views])))
            if not len(answers.indices):
                raise _VerificationError(
                    f"{form.file} could not be verified: none of the held-out pictures opens."
                )
            return _compare(form, path, held_out, answers, formats)
        except _VerificationError as error:
            return FileVerification(file=form.file, passed=False, reason=str(error))


def _compare(
    form: Format, path: Path, held_out: HeldOut, answers: _Answers, unopened: tuple[str, ...]
) -> FileVerification:
    indices, probabilities = answers.indices, answers.probabilities
    expected, labels = held_out.probabilities[indices], held_out.labels[indices]
    decided = _same_decisions(held_out, answers, tolerant=True)
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
    elif form.exact and not decided.all():
        reason = (
            f"{form.file} gives another verdict or prediction set than the model for "
            f"{int((~decided).sum())} of {len(indices)} held-out pictures; it was withheld."
        )
    elif not np.isfinite(probabilities).all() or expected_accuracy - accuracy > max(
        ACCURACY_LOSS, 1 / len(indices)
    ):
        reason = (
            f"{form.file} gets {percent(accuracy)} of {len(indices)} held-out pictures right, "
            f"the report {percent(expected_accuracy)}; it was withheld."
        )
    return FileVerification(
        file=form.file,
        passed=not reason,
        reason=reason,
        agreement=float((predicted == expected.argmax(axis=1)).mean()),
        verdicts=float(_same_decisions(held_out, answers, tolerant=False).mean()),
        difference=difference if np.isfinite(difference) else None,
        accuracy=accuracy,
        milliseconds=1000 * float(np.median(answers.seconds)),
        megabytes=size(path) / MEGABYTE,
        runtime=f"{form.packages[-1]} {_version(form.packages[-1])}",
        thumbnails=held_out.thumbnails,
        unopened=unopened,
    )


def _decoded(
    held_out: HeldOut, model: ModelFile, opened: np.ndarray, folder: Path
) -> tuple[dict[int, Path], tuple[str, ...]]:
    """The pixels of pictures that the program did not open, by index, and their formats."""
    views: dict[int, Path] = {}
    formats: set[str] = set()
    for index in sorted(set(range(len(held_out.paths))) - set(opened.tolist())):
        picture, limits = held_out.paths[index], held_out.limits
        with contextlib.suppress(BadImage):
            formats.add(images.decode_with_info(picture, limits=limits).format)
            pixels = images.decode_and_crop(
                picture, model.size, model.crop, model.scale, limits=limits
            )
            views[index] = folder / f"{index}.npy"
            np.save(views[index], pixels)
    return views, tuple(sorted(formats))


def _same_decisions(held_out: HeldOut, answers: _Answers, *, tolerant: bool) -> np.ndarray:
    """Whether a program decides on each picture as the model does, (m,) bool.

    Args:
        tolerant: whether each decision that is possible within the tolerances counts as the same.
    """
    probabilities = held_out.probabilities[answers.indices]
    scores = held_out.ood_scores
    scores = np.zeros(len(probabilities)) if scores is None else scores[answers.indices]
    level, shifts = held_out.decision.set_level, (-1, 0, 1) if tolerant else (0,)
    decisions = [
        Decision(held_out.decision.threshold + TOLERANCE * shift, level) for shift in shifts
    ]
    same = []
    for row, score, verdict, set_size in zip(
        probabilities, scores, answers.verdicts, answers.sizes, strict=True
    ):
        verdicts = {
            decision.verdict(row, score + OOD_TOLERANCE * shift).value
            for decision in decisions
            for shift in shifts
        }
        sizes = [
            0 if level is None else len(members(row, level.limit + TOLERANCE * shift))
            for shift in shifts
        ]
        same.append(verdict in verdicts and min(sizes) <= set_size <= max(sizes))
    return np.array(same)


class _VerificationError(Exception):
    """Why a file could not be run."""


@dataclass(frozen=True)
class _Answers:
    """The answers of a program to m pictures.

    Attributes:
        indices: of these pictures, (m,).
        probabilities: (m, k).
        seconds, verdicts, sizes: time, value of the `Verdict`, and number of classes in the
            prediction set of each, (m,).
    """

    indices: np.ndarray
    probabilities: np.ndarray
    seconds: np.ndarray
    verdicts: np.ndarray
    sizes: np.ndarray

    def joined(self, others: _Answers) -> _Answers:
        """These answers followed by others."""
        if not len(self.indices):
            return others
        pairs = zip(vars(self).values(), vars(others).values(), strict=True)
        return _Answers(*map(np.concatenate, pairs))


def _run_program(
    form: Format,
    path: Path,
    model: ModelFile,
    pictures: Sequence[Path],
    folder: Path,
    count: Counter,
) -> _Answers:
    """Run the program in a folder on pictures, or on pixels in `.npy` files."""
    request, written = folder / "request.json", folder / "answers.npz"
    written.unlink(missing_ok=True)
    values = {"program": folder / form.program, "model": path, "answers": written}
    texts = {name: str(value) for name, value in values.items()}
    request.write_text(json.dumps(texts | {"pictures": [*map(str, pictures)]}), encoding="utf-8")
    step = f"Verifying {form.file}"
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(
            [sys.executable, "-I", str(programs.RUNNER), str(request)],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if line.strip().isdecimal():
                    count(step, int(line), len(pictures))
        except BaseException:
            process.kill()
            raise
        process.wait()
        errors.seek(0)
        complaints = errors.read().decode(errors="replace")
    try:
        with np.load(written, allow_pickle=False) as file:
            answers = _Answers(**file)
    except (OSError, ValueError, LookupError, BadZipFile) as error:
        logger.error("%s: %s", step, complaints)
        raise _VerificationError(
            f"{form.file} could not be opened in a fresh process; it was withheld. "
            "The log says why."
        ) from error
    shape = answers.probabilities.shape
    if len(answers.indices) and shape != (len(answers.indices), len(model.classes)):
        raise _VerificationError(
            f"{form.file} does not give a probability for each class; it was withheld."
        )
    return answers


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:  # tensorflow-cpu is TensorFlow under another name
        return metadata.version(f"{package}-cpu")
