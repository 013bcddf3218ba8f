"""Make the exported files of a run and keep only those that pass verification."""

import logging
import tempfile
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core import backbones, images
from core.backbones import Backbone
from core.errors import Cancelled, TuskerError
from core.estimating import resources
from core.export import parts, train_program, verify
from core.export.formats import FORMATS, INT8, LABELS, ONNX, SAVED_MODEL, Format, describe
from core.export.formats import labels as label_lines
from core.export.parts import Int8Trunk
from core.export.verify import HeldOut
from core.jobs.events import Counter, Emit, Note
from core.model import storage
from core.model.decision import Decision
from core.model.dense import DenseHead
from core.model.litert_file import LitertFile
from core.runs.run import Run
from core.runs.verification import FileVerification, Verification
from core.settings import MEGABYTE, Settings
from core.system import capacity, files

logger = logging.getLogger(__name__)

VERIFICATION_MEMORY = 4
"""Memory of the process that runs a file, without its libraries, relative to the network's size."""
VERIFICATION_PICTURES = 100
"""Most test pictures that each file is run on."""
CALIBRATION_PICTURES = 100
"""Pictures whose activations give the ranges of int8."""
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
    source = _Source(run, pictures, settings, model, arrays)
    sample = held_out(run, pictures, settings)
    groups = list(_by_library(forms))
    for group in groups:
        kept = source.kept_int8()  # before this run makes one
        with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=folder) as scratch:
            written: dict[Format, Path] = {}
            results: list[FileVerification] = []
            for form in group:
                files.remove(folder / form.file)
                emit(Note(sentence=f"Writing {form.file}."))
                path = Path(scratch) / form.file
                if (failure := _write(form, source, path)) is None:
                    written[form] = path
                else:
                    results.append(FileVerification(file=form.file, passed=False, reason=failure))
            if written:
                results += verify.verify(written, model, sample, Counter(emit))
            for form, path in written.items():
                result = next(result for result in results if result.file == form.file)
                if result.passed:
                    path.rename(folder / form.file)
                elif form.file == INT8 and kept is not None:
                    # Its ranges are from the pictures of an earlier run, which may not suit.
                    kept.unlink(missing_ok=True)
                    results.remove(result)
                    groups.append([form])
        for result in results:
            if not result.passed:
                emit(Note(sentence=result.reason))
        _record(run, results)
    verification = run.verification()
    assert verification is not None
    return verification


def held_out(run: Run, pictures: Path | None, settings: Settings) -> HeldOut:
    """A sample of the test pictures, evenly spaced, with their predictions.

    Where the pictures were deleted, the sample has the small copies that the run keeps of them, and
    the predictions of the run's model for these copies.
    """
    examples = run.dataset().of("test")
    indices = _evenly(len(examples), VERIFICATION_PICTURES)
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
        by_copy = [answer.ood_score for answer in answers]
        scores = None if None in by_copy else np.array(by_copy, float)
    annotations, model = run.annotations(), storage.load_description(run.model_folder)
    # Without a threshold, one is used that half of the pictures do not reach.
    threshold = annotations.threshold or float(np.median(probabilities.max(axis=1)))
    return HeldOut(
        paths,
        labels,
        probabilities,
        settings,
        decision=Decision.of(model.set_levels, threshold, annotations.level or None),
        ood_scores=scores,
        ood_detector=None if scores is None else run.model_folder / storage.OOD,
        thumbnails=pictures is None,
    )


@dataclass(frozen=True)
class _Source:
    """A run with its model, and the functions that write each format from them."""

    run: Run
    pictures: Path | None
    settings: Settings
    model: storage.ModelFile
    arrays: dict[str, np.ndarray]

    def write(self, form: Format, path: Path) -> None:
        """Write a format."""
        writers: dict[str, Callable[[Path], None]] = {
            storage.LITERT: self._litert,
            INT8: self._int8,
            ONNX: self._onnx,
            storage.KERAS: self._keras,
            SAVED_MODEL: self._saved_model,
        }
        writers[form.file](path)

    def starts_tensorflow(self, form: Format) -> bool:
        """Whether writing a format starts TensorFlow in this process."""
        if form.file == INT8:
            return self.kept_int8() is None
        if form.file == storage.KERAS:
            return not parts.backbone_path(self._backbone, self.settings).is_file()
        return form.file == SAVED_MODEL

    def kept_int8(self) -> Path | None:
        """The kept int8 network; None if there is none, or if the run changed the backbone."""
        path = parts.int8_path(self._backbone, self.model.depths, self.settings)
        return path if path.is_file() and not self.model.fine_tuned else None

    @property
    def _backbone(self) -> Backbone:
        return backbones.get(self.model.backbone)

    def _litert(self, path: Path) -> None:
        file = self._network()
        file.add_head(DenseHead.from_arrays(self.arrays), "embedding", "feature_map")
        self._describe(file, path)

    def _int8(self, path: Path) -> None:
        if self.model.fine_tuned:
            trunk = self._quantised()
        else:
            depths = self.model.depths
            trunk = parts.int8_trunk(self._backbone, depths, self.settings, self._quantised)
        path.write_bytes(trunk.content.tobytes())
        file = LitertFile(path)
        file.add_head(DenseHead.from_arrays(self.arrays).after(trunk.scale, trunk.shift))
        self._describe(file, path)

    def _onnx(self, path: Path) -> None:
        from core.export import onnx_file

        file = self._network()
        file.add_head(DenseHead.from_arrays(self.arrays), "embedding")
        onnx_file.write(file, path, *describe(self.model))

    def _keras(self, path: Path) -> None:
        from core.export import keras_file

        base = parts.backbone_file(self._backbone, self.settings)
        keras_file.write(base, self.model, self.arrays, path)

    def _saved_model(self, path: Path) -> None:
        from core.export import convert

        source = path.with_name(f"source-{storage.KERAS}")
        self._keras(source)
        convert.to_saved_model(source, path, describe(self.model)[1])

    def _network(self) -> LitertFile:
        path = storage.serving_model(self.run.model_folder, self.model, self.settings)
        return LitertFile(path)

    def _describe(self, file: LitertFile, path: Path) -> None:
        file.describe(*describe(self.model), input_name="picture")
        file.write(path)

    def _quantised(self) -> Int8Trunk:
        """The network below the head in int8, with ranges of activations on the run's pictures."""
        from core.export import convert

        with tempfile.TemporaryDirectory(prefix="tusker-") as scratch:
            source = Path(scratch) / storage.KERAS
            self._keras(source)
            return convert.to_int8(source, self._views())

    def _views(self) -> np.ndarray:
        """(n, size, size, 3) uint8: training pictures or, if deleted, copies of test pictures."""
        if self.pictures is None:
            tests = len(self.run.dataset().of("test"))
            paths = [self.run.thumbnail(index) for index in _evenly(tests, CALIBRATION_PICTURES)]
        else:
            examples = self.run.dataset().of("train")
            indices = _evenly(len(examples), CALIBRATION_PICTURES)
            paths = [self.pictures / examples[index].path for index in indices]
        size, crop, scale = self.model.size, self.model.crop, self.model.scale
        return np.stack(
            [
                images.decode_and_crop(path, size, crop, scale, limits=self.settings)
                for path in paths
            ]
        )


def _write(form: Format, source: _Source, path: Path) -> str | None:
    """Write one format. Returns the reason of a failure as a sentence; None if there was none."""
    try:
        _require_memory(form, source)
        source.write(form, path)
    except Cancelled:
        raise
    except TuskerError as error:
        return f"{form.file} was not made: {error}"
    except Exception:
        logger.exception(form.file)
        return f"{form.file} could not be made; the log says why."
    return None


def _record(run: Run, results: list[FileVerification]) -> None:
    """Add results to those of earlier exports."""
    earlier = run.verification()
    by_file = {result.file: result for result in (*(earlier.results if earlier else ()), *results)}
    examples, probabilities = run.dataset().of("test"), run.probabilities()
    indices = _evenly(len(examples), VERIFICATION_PICTURES)
    labels = np.array([examples[index].label for index in indices])
    run.verification.write(
        Verification(
            pictures=len(indices),
            accuracy=float((probabilities[indices].argmax(axis=1) == labels).mean()),
            results=tuple(by_file[form.file] for form in FORMATS if form.file in by_file),
        )
    )


def _evenly(total: int, count: int) -> list[int]:
    """At most `count` evenly spaced indices below `total`."""
    return np.unique(np.linspace(0, total - 1, count).round().astype(int)).tolist()


def _require_memory(form: Format, source: _Source) -> None:
    """Check that the memory for writing and verifying a file is free."""
    network = backbones.get(source.model.backbone).megabytes * MEGABYTE
    # The process that verifies is another than the one that writes.
    verifying = VERIFICATION_MEMORY * network + form.tensorflow * resources.TENSORFLOW_BYTES
    needed = max(form.memory_factor * network, verifying)
    needed += source.starts_tensorflow(form) * resources.TENSORFLOW_BYTES
    resources.require("memory", round(needed), capacity.free_memory(), ADVICE)


def _by_library(forms: Collection[Format]) -> Iterable[list[Format]]:
    """Groups of formats that the same library opens; one process verifies each group."""
    groups: defaultdict[str, list[Format]] = defaultdict(list)
    for form in sorted(forms, key=lambda form: form.tensorflow):
        groups["tensorflow" if form.tensorflow else form.packages[-1]].append(form)
    return groups.values()
