"""Verify exported files: run the programs that ship with them on held-out pictures."""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from core import images
from core.errors import BadImage
from core.evaluation import prediction_sets
from core.evaluation.report import SetLevel
from core.evaluation.wording import percent
from core.export import programs
from core.export.formats import Format, size
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
ANSWERS = "answers.npz"
ARRAYS = ("indices", "probabilities", "seconds", "verdicts", "sizes")


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
    exported: Mapping[Format, Path], model: ModelFile, held_out: HeldOut, count: Counter
) -> list[FileVerification]:
    """Compare the predictions of exported files with those of the report, in one fresh process.

    Pictures that a program cannot open are decoded here, and the file is run on their pixels.

    Args:
        exported: files, or folders of a SavedModel, that are opened with the same library.
        count: called with the number of pictures done; if it raises, the process is ended.
    """
    results = []
    with tempfile.TemporaryDirectory(prefix="tusker-") as scratch:
        _run_programs(exported, model, held_out, held_out.paths, Path(scratch), count)
        for form, path in exported.items():
            try:
                answers = _answers(Path(scratch) / form.name, form, model)
                pixels = _on_pixels(form, path, model, held_out, answers)
                if not len(answers.indices) + len(pixels.indices):
                    raise _VerificationError(
                        f"{form.file} could not be verified: none of the held-out pictures opens."
                    )
                results.append(_compare(form, path, held_out, answers.joined(pixels)))
            except _VerificationError as error:
                results.append(FileVerification(file=form.file, passed=False, reason=str(error)))
    return results


def _compare(form: Format, path: Path, held_out: HeldOut, answers: _Answers) -> FileVerification:
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
        unopened=answers.unopened,
    )


def _on_pixels(
    form: Format, path: Path, model: ModelFile, held_out: HeldOut, answers: _Answers
) -> _Answers:
    """Answers to the pictures that the program cannot open, from pixels that are decoded here."""
    views, indices, kinds = [], [], set()
    with tempfile.TemporaryDirectory(prefix="tusker-") as scratch:
        for index in sorted(set(range(len(held_out.paths))) - set(answers.indices.tolist())):
            picture, view = held_out.paths[index], Path(scratch) / f"{index}.npy"
            with contextlib.suppress(BadImage):
                kinds.add(images.decode_with_info(picture, limits=held_out.limits).format)
                pixels = images.decode_and_crop(
                    picture, model.size, model.crop, model.scale, limits=held_out.limits
                )
                np.save(view, pixels)
                views.append(view)
                indices.append(index)
        if not views:
            return replace(answers, **{name: getattr(answers, name)[:0] for name in ARRAYS})
        _run_programs({form: path}, model, held_out, views, Path(scratch), Counter(lambda _: None))
        opened = _answers(Path(scratch) / form.name, form, model)
    return replace(opened, indices=np.array(indices), unopened=tuple(sorted(kinds)))


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
        sizes = [len(_members(row, level, TOLERANCE * shift)) for shift in shifts]
        same.append(verdict in verdicts and min(sizes) <= set_size <= max(sizes))
    return np.array(same)


def _members(row: np.ndarray, level: SetLevel | None, shift: float) -> np.ndarray:
    return np.empty(0, int) if level is None else prediction_sets.members(row, level.limit + shift)


class _VerificationError(Exception):
    """Why a file could not be run."""


def _run_programs(
    exported: Mapping[Format, Path],
    model: ModelFile,
    held_out: HeldOut,
    pictures: Sequence[Path],
    scratch: Path,
    count: Counter,
) -> None:
    """Run the program of each format on pictures; its answers go to a folder in `scratch`."""
    tasks = []
    for form, path in exported.items():
        folder = scratch / form.name
        folder.mkdir()
        detector = held_out.ood_detector
        program = programs.prediction(form, model, held_out.decision, ood=detector is not None)
        (folder / form.program).write_text(program, encoding="utf-8")
        if detector is not None:
            shutil.copyfile(detector, folder / storage.OOD)
        (folder / "labels.txt").touch()
        task = {"program": folder / form.program, "model": path, "answers": folder / ANSWERS}
        tasks.append({name: str(value) for name, value in task.items()})
    request = scratch / "request.json"
    names = [str(picture) for picture in pictures]
    request.write_text(json.dumps({"pictures": names, "tasks": tasks}), encoding="utf-8")
    step = f"Verifying {' and '.join(form.file for form in exported)}"
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
                    count(step, int(line), len(pictures) * len(exported))
        except BaseException:
            process.kill()
            raise
        process.wait()
        if not all((scratch / form.name / ANSWERS).is_file() for form in exported):
            errors.seek(0)
            logger.error("%s: %s", step, errors.read().decode(errors="replace"))


@dataclass(frozen=True)
class _Answers:
    """The answers of a program to m of the held-out pictures.

    Attributes:
        indices: of these pictures, (m,).
        probabilities: (m, k).
        seconds, verdicts, sizes: time, value of the `Verdict`, and number of classes in the
            prediction set of each, (m,).
        unopened: formats of the pictures that only the app can open.
    """

    indices: np.ndarray
    probabilities: np.ndarray
    seconds: np.ndarray
    verdicts: np.ndarray
    sizes: np.ndarray
    unopened: tuple[str, ...] = ()

    def joined(self, others: _Answers) -> _Answers:
        """These answers followed by others."""
        if not len(self.indices) or not len(others.indices):
            return self if len(self.indices) else others
        both = {name: [getattr(answers, name) for answers in (self, others)] for name in ARRAYS}
        arrays = {name: np.concatenate(parts) for name, parts in both.items()}
        return replace(self, **arrays, unopened=others.unopened)


def _answers(folder: Path, form: Format, model: ModelFile) -> _Answers:
    try:
        with np.load(folder / ANSWERS, allow_pickle=False) as file:
            answers = _Answers(**file)
    except (OSError, ValueError, LookupError, BadZipFile) as error:
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
