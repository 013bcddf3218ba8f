"""Make the exported files of a run and keep only those that pass verification."""

import logging
import tempfile
from collections import defaultdict
from collections.abc import Collection, Iterable
from pathlib import Path

import numpy as np

from core import backbones
from core.errors import Cancelled, TuskerError
from core.estimating import resources
from core.export import train_program, verify
from core.export.formats import FORMATS, INT8, LABELS, Format, named
from core.export.formats import labels as label_lines
from core.export.verify import HeldOut
from core.export.writing import Writer, evenly_spaced
from core.jobs.events import Emit, Note, StepReporter
from core.model import storage
from core.model.decision import Decision
from core.runs.run import Run
from core.runs.verification import FileVerification, Verification
from core.settings import MEGABYTE, Settings
from core.system import capacity, files

logger = logging.getLogger(__name__)

VERIFICATION_MEMORY = 4
"""Memory of the process that runs a file, without its libraries, relative to the network's size."""
VERIFICATION_PICTURES = 100
"""Most test pictures that each file is run on."""
SCRATCH = ".making-"
ADVICE = "End other work on this machine and try again, or choose a smaller backbone."


def export(
    run: Run, forms: Collection[Format], pictures: Path | None, settings: Settings, emit: Emit
) -> Verification:
    """Write formats beside the model, verify them in a fresh process, keep those that pass.

    A format that fails does not affect the others. The caller writes the manifest.

    Args:
        pictures: folder that the dataset's paths are relative to; None if they were deleted.

    Raises:
        RunDamaged: the run's own files cannot be read.
        UnknownModel: its backbone has not been prepared on this machine.
    """
    folder = run.model_folder
    for abandoned in folder.glob(f"{SCRATCH}*"):
        files.remove(abandoned)
    model, arrays = storage.load(folder)
    files.write_text(folder / LABELS, label_lines(model))
    config, dataset = run.config(), run.dataset()
    program = train_program.program(config, model, dataset, fine_tuned=run.fine_tuned)
    files.write_text(folder / train_program.PROGRAM, program)
    files.write_text(folder / train_program.SPLIT_FILE, train_program.split_rows(dataset))
    writer = Writer(run, pictures, settings, model, arrays)
    sample = held_out(run, pictures, settings)
    for group in _by_library(forms):
        used_cache = any(form.file == INT8 for form in group) and writer.cached_int8() is not None
        results = _make(group, writer, sample, emit)
        _record(run, results.values())
        if used_cache and writer.cached_int8() is None:
            # The cached ranges came from the pictures of another run. Measure them on this one's.
            results |= _make(named(["int8"]), writer, sample, emit)
            _record(run, results.values())
        for result in results.values():
            if not result.passed:
                emit(Note(sentence=result.reason))
    verification = run.verification()
    assert verification is not None
    return verification


def held_out(run: Run, pictures: Path | None, settings: Settings) -> HeldOut:
    """A sample of the test pictures, evenly spaced, with their predictions.

    Where the pictures were deleted, the sample has the small copies that the run keeps of them, and
    the predictions of the run's model for these copies.
    """
    examples = run.dataset().of("test")
    indices = evenly_spaced(len(examples), VERIFICATION_PICTURES)
    labels = np.array([examples[index].label for index in indices])
    if pictures is not None:
        paths = tuple(pictures / examples[index].path for index in indices)
        probabilities, recorded = run.probabilities()[indices], run.ood_scores()
        scores = None if recorded is None else np.array(recorded.scores)[indices]
    else:
        paths = tuple(run.thumbnail(index) for index in indices)
        classifier = run.classifier(settings)
        answers = [classifier.answer(classifier.load(path)) for path in paths]
        probabilities = np.stack([answer.probabilities for answer in answers])
        ood_scores = [answer.ood_score for answer in answers]
        scores = None if None in ood_scores else np.array(ood_scores, float)
    annotations, model = run.annotations(), storage.load_description(run.model_folder)
    # Without a threshold, the median is used, so that both verdicts are verified.
    threshold = annotations.threshold or float(np.median(probabilities.max(axis=1)))
    return HeldOut(
        paths,
        tuple(examples[index].format for index in indices),
        labels,
        probabilities,
        decision=Decision.of(model.set_levels, threshold, annotations.level or None),
        ood_scores=scores,
        ood_detector=None if scores is None else run.model_folder / storage.OOD,
        thumbnails=pictures is None,
    )


def _make(
    forms: Iterable[Format], writer: Writer, sample: HeldOut, emit: Emit
) -> dict[str, FileVerification]:
    """Write formats that one library opens, verify them and keep those that pass; by file."""
    folder = writer.run.model_folder
    results: dict[str, FileVerification] = {}
    with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=folder) as scratch:
        written: dict[Format, Path] = {}
        for form in forms:
            files.remove(folder / form.file)
            emit(Note(sentence=f"Writing {form.file}."))
            path = Path(scratch) / form.file
            if (failure := _write(form, writer, path)) is None:
                written[form] = path
            else:
                failed = FileVerification(file=form.file, passed=False, reason=failure)
                results[form.file] = failed
        if written:
            verified = verify.verify(written, writer.model, sample, StepReporter(emit))
            results |= {result.file: result for result in verified}
        for form, path in written.items():
            if results[form.file].passed:
                path.rename(folder / form.file)
            elif form.file == INT8 and writer.int8_path and results[INT8].accuracy is not None:
                files.remove(writer.int8_path)
    return results


def _write(form: Format, writer: Writer, path: Path) -> str | None:
    """Write one format. Returns the reason of a failure as a sentence; None if there was none."""
    try:
        _require_memory(form, writer)
        writer.write(form, path)
    except Cancelled:
        raise
    except TuskerError as error:
        return f"{form.file} was not made: {error}"
    except Exception:
        logger.exception(form.file)
        return f"{form.file} could not be made; the log says why."
    return None


def _record(run: Run, results: Iterable[FileVerification]) -> None:
    """Add results to those of earlier exports."""
    earlier = run.verification()
    by_file = {result.file: result for result in (*(earlier.results if earlier else ()), *results)}
    examples, probabilities = run.dataset().of("test"), run.probabilities()
    indices = evenly_spaced(len(examples), VERIFICATION_PICTURES)
    labels = np.array([examples[index].label for index in indices])
    run.verification.write(
        Verification(
            pictures=len(indices),
            accuracy=float((probabilities[indices].argmax(axis=1) == labels).mean()),
            results=tuple(by_file[form.file] for form in FORMATS if form.file in by_file),
        )
    )


def _require_memory(form: Format, writer: Writer) -> None:
    """Check that the memory for writing and verifying a file is free."""
    network = backbones.get(writer.model.backbone).megabytes * MEGABYTE
    # One process writes the file, another one verifies it.
    verifying = VERIFICATION_MEMORY * network + form.tensorflow * resources.TENSORFLOW_BYTES
    needed = max(form.memory_factor * network, verifying)
    needed += writer.starts_tensorflow(form) * resources.TENSORFLOW_BYTES
    capacity.require("memory", needed, capacity.free_memory(), ADVICE)


def _by_library(forms: Collection[Format]) -> Iterable[list[Format]]:
    """Groups of formats that the same library opens; one process verifies each group."""
    groups: defaultdict[str, list[Format]] = defaultdict(list)
    for form in sorted(forms, key=lambda form: form.tensorflow):
        groups["tensorflow" if form.tensorflow else form.packages[-1]].append(form)
    return groups.values()
