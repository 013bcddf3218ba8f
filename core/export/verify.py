"""Verify exported files: run the programs that ship with them on held-out pictures."""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from core.evaluation import prediction_sets
from core.evaluation.wording import percent
from core.export import programs
from core.export.formats import Format, size
from core.model import storage
from core.model.decision import ALWAYS_ANSWER, Decision
from core.model.storage import ModelFile
from core.runs.verification import FileVerification
from core.settings import MEGABYTE
from core.system.progress import Progress

logger = logging.getLogger(__name__)

TOLERANCE = 1e-3
"""Largest difference of a probability from the report's, for formats that must match it."""
OOD_TOLERANCE = 0.01
"""Largest difference of an OOD score from the model's with which the verdict may differ."""
OOD_ROUNDING = 0.25
"""Largest difference relative to the model's score, where embeddings that hardly vary magnify
rounding."""
PICTURES_PER_LOSS = 50
"""Other formats may get one picture in so many wrong that the report gets right, and always one."""
ANSWERS = "answers.npz"


@dataclass(frozen=True)
class HeldOut:
    """Test pictures with their labels and predictions.

    Attributes:
        paths, formats: of the files, n each.
        labels: (n,) indices of their classes.
        probabilities: (n, k), predictions of the model; of original pictures, those in the report.
        ood_scores, ood_detector: (n,) of the model, and its file; None without a detector.
        thumbnails: whether the files are the small copies that the run keeps.
    """

    paths: tuple[Path, ...]
    formats: tuple[str, ...]
    labels: np.ndarray
    probabilities: np.ndarray
    decision: Decision = ALWAYS_ANSWER
    ood_scores: np.ndarray | None = None
    ood_detector: Path | None = None
    thumbnails: bool = False


def verify(
    exported: Mapping[Format, Path], model: ModelFile, held_out: HeldOut, progress: Progress
) -> list[FileVerification]:
    """Compare the predictions of exported files with those of the report, in one fresh process.

    Pictures that a program cannot open are left out, and the result names their formats.

    Args:
        exported: files, or folders of a SavedModel, that are opened with the same library.
        progress: if it raises, the process is ended.
    """
    with tempfile.TemporaryDirectory(prefix="tusker-") as scratch:
        _run_programs(exported, model, held_out, Path(scratch), progress)
        return [
            _verify(form, path, model, held_out, Path(scratch) / form.name)
            for form, path in exported.items()
        ]


def _verify(
    form: Format, path: Path, model: ModelFile, held_out: HeldOut, folder: Path
) -> FileVerification:
    """The result of a file, from the answers of its program in a folder."""
    reason = ""
    try:
        with np.load(folder / ANSWERS, allow_pickle=False) as file:
            answers = _Answers(**file)
    except (OSError, ValueError, BadZipFile):
        reason = "could not be opened in a fresh process; it was withheld. The log says why."
    else:
        if not len(answers.indices):
            reason = "could not be verified: its program opens none of the held-out pictures."
        elif answers.probabilities.shape != (len(answers.indices), len(model.classes)):
            reason = "does not give a probability for each class; it was withheld."
    if reason:
        return FileVerification(file=form.file, passed=False, reason=f"{form.file} {reason}")
    return _compare(form, path, held_out, answers)


def _compare(form: Format, path: Path, held_out: HeldOut, answers: _Answers) -> FileVerification:
    indices, probabilities = answers.indices, answers.probabilities
    expected, labels = held_out.probabilities[indices], held_out.labels[indices]
    scores = np.full(len(indices), np.nan)  # as of a program without a detector
    if held_out.ood_scores is not None:
        scores = held_out.ood_scores[indices]
    same = _same_decision(held_out.decision, probabilities, answers.ood_scores, answers)
    close = np.isclose(answers.ood_scores, scores, 0, OOD_TOLERANCE)
    similar = np.isclose(answers.ood_scores, scores, OOD_ROUNDING, 0, equal_nan=True)
    same &= close | (similar & ((answers.ood_scores > 1) == (scores > 1)))
    difference = float(np.abs(probabilities - expected).max())
    predicted, pictures = probabilities.argmax(axis=1), len(indices)
    correct = int((predicted == labels).sum())
    expected_correct = int((expected.argmax(axis=1) == labels).sum())
    lost = expected_correct - correct
    unopened = {held_out.formats[i] for i in set(range(len(held_out.paths))) - {*indices.tolist()}}
    fault, reference = "", "model" if held_out.thumbnails else "report"
    if form.exact and not difference <= TOLERANCE:  # a NaN is not
        fault = (
            f"differs from the {reference} by {difference:.4f} in probability, more than "
            f"{TOLERANCE}"
        )
    elif form.exact and not same.all():
        fault = (
            "gives another verdict or prediction set than the model for "
            f"{int((~same).sum())} of {pictures} held-out pictures"
        )
    elif not np.isfinite(probabilities).all() or lost > max(1, pictures // PICTURES_PER_LOSS):
        fault = (
            f"gets {percent(correct / pictures)} of {pictures} held-out pictures right, the "
            f"{reference} {percent(expected_correct / pictures)}"
        )
    return FileVerification(
        file=form.file,
        passed=not fault,
        reason=f"{form.file} {fault}; it was withheld." if fault else "",
        agreement=float((predicted == expected.argmax(axis=1)).mean()),
        verdicts=float(_same_decision(held_out.decision, expected, scores, answers).mean()),
        difference=difference if np.isfinite(difference) else None,
        accuracy=correct / pictures,
        milliseconds=1000 * float(np.median(answers.seconds)),
        megabytes=size(path) / MEGABYTE,
        runtime=f"{form.packages[-1]} {_version(form.packages[-1])}",
        pictures=pictures,
        thumbnails=held_out.thumbnails,
        unopened=tuple(sorted(unopened)),
    )


def _same_decision(
    decision: Decision, probabilities: np.ndarray, ood_scores: np.ndarray, answers: _Answers
) -> np.ndarray:
    """Whether a program decided on each picture as the app does, given these outputs, (m,) bool."""
    level = decision.set_level
    verdicts = [
        decision.verdict(row, score) for row, score in zip(probabilities, ood_scores, strict=True)
    ]
    sizes = [
        len(prediction_sets.members(row, level.limit)) if level else 0 for row in probabilities
    ]
    return (answers.verdicts == np.array(verdicts, str)) & (answers.sizes == np.array(sizes, int))


def _run_programs(
    exported: Mapping[Format, Path],
    model: ModelFile,
    held_out: HeldOut,
    scratch: Path,
    progress: Progress,
) -> None:
    """Run the program of each format on the pictures; its answers go to a folder in `scratch`."""
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
    names = [str(path) for path in held_out.paths]
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
                    progress(step, int(line), len(names) * len(exported))
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
        indices: of these pictures, (m,), as the others but for `probabilities`, (m, k).
        ood_scores: NaN without a detector.
        verdicts: values of `Verdict`.
        sizes: numbers of classes in the prediction sets.
    """

    indices: np.ndarray
    probabilities: np.ndarray
    ood_scores: np.ndarray
    seconds: np.ndarray
    verdicts: np.ndarray
    sizes: np.ndarray


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:  # tensorflow-cpu is TensorFlow under another name
        return metadata.version(f"{package}-cpu")
