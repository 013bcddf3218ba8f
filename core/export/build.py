"""Make the exported files of a run and keep only those that pass verification."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from core import backbones, images
from core.dataset import Example
from core.errors import Cancelled, NotEnoughResources, TuskerError
from core.estimating import resources
from core.export import train_program, verify
from core.export.formats import FORMATS, INT8, LABELS, ONNX, SAVED_MODEL, Description, Format
from core.export.formats import labels as label_lines
from core.export.verify import HeldOut
from core.jobs.events import Counter, Emit, Note
from core.model import storage
from core.model.dense import DenseHead
from core.runs.run import Run
from core.runs.verification import FileVerification, Verification
from core.settings import MEGABYTE, Settings
from core.system import capacity, files, prose

if TYPE_CHECKING:
    import keras

logger = logging.getLogger(__name__)

OPENED = 4
"""Memory of the process that runs a file, in sizes of the network, without its libraries."""
VERIFICATION_PICTURES = 200
"""Most test pictures that each file is run on."""
CALIBRATION_PICTURES = 100
"""Training pictures whose activations give the ranges of int8."""
BATCH = 16
Write = Callable[[Path], None]


def build_all(run: Run, pictures: Path, settings: Settings, emit: Emit) -> Verification:
    """Write every format beside the model, verify it in a fresh process, keep it if it passes.

    A format that fails does not affect the others.

    Raises:
        RunDamaged: the run's own files cannot be read.
        WeightsUnavailable: the backbone's weights cannot be had.
    """
    from core.model import keras_model

    folder = run.model_folder
    model, arrays = storage.load(folder)
    plain, three_outputs = keras_model.assemble(model, arrays, settings)
    files.write_text(folder / LABELS, label_lines(model))
    train_program.write(folder, run.config(), model, run.dataset(), settings)
    pictures_held_out = held_out(run, pictures)
    writers = _writers(run, pictures, model, plain, three_outputs, DenseHead.from_arrays(arrays))
    results = {}
    with tempfile.TemporaryDirectory(prefix=".making-", dir=folder) as scratch:
        for form in _by_memory():
            path, target = Path(scratch) / form.file, folder / form.file
            files.remove(target)
            emit(Note(sentence=f"Writing and verifying {form.file}."))
            result = _make(form, path, writers[form.file], model, pictures_held_out, Counter(emit))
            if result.passed:
                path.rename(target)
            else:
                emit(Note(sentence=result.reason))
            results[form.file] = result
    verification = Verification(
        pictures=len(pictures_held_out.paths),
        accuracy=pictures_held_out.accuracy,
        results=tuple(results[form.file] for form in FORMATS),
    )
    run.verification.write(verification)
    return verification


def held_out(run: Run, pictures: Path) -> HeldOut:
    """A sample of the test pictures, evenly spaced, with the predictions of the report."""
    examples = run.dataset().of("test")
    places = _evenly(len(examples), VERIFICATION_PICTURES)
    return HeldOut(
        paths=tuple(pictures / examples[place].path for place in places),
        labels=np.array([examples[place].label for place in places]),
        probabilities=run.probabilities()[places],
    )


def _evenly(total: int, count: int) -> np.ndarray:
    """At most `count` evenly spaced indices below `total`."""
    return np.unique(np.linspace(0, total - 1, count).round().astype(int))


def _make(
    form: Format,
    path: Path,
    write: Write,
    model: storage.ModelFile,
    held_out: HeldOut,
    count: Counter,
) -> FileVerification:
    """Write and verify one format; if that fails, the result says why."""
    try:
        _require_memory(form, model)
        write(path)
        return verify.verify(form, path, model, held_out, count)
    except Cancelled:
        raise
    except TuskerError as error:
        return FileVerification(
            file=form.file, passed=False, reason=f"{form.file} was not made: {error}"
        )
    except Exception:
        logger.exception(form.file)
        sentence = f"{form.file} could not be made; the log says why."
        return FileVerification(file=form.file, passed=False, reason=sentence)


def _require_memory(form: Format, model: storage.ModelFile) -> None:
    """Check that the memory for converting and verifying a file is free."""
    network = backbones.get(model.backbone).megabytes * MEGABYTE
    verifying = OPENED * network + (resources.TENSORFLOW_BYTES if form.tensorflow else 0)
    needed, free = round(max(form.copies * network, verifying)), capacity.free_memory()
    if needed > free * (1 - resources.RESERVE):
        raise NotEnoughResources(
            f"Expected about {prose.size(needed)} of free memory, found "
            f"{prose.size(free)}. End other work on this machine and train again, or "
            "choose a smaller backbone."
        )


def _by_memory() -> list[Format]:
    """Formats that are made from another come after it; those that need most memory come last."""
    return sorted(FORMATS, key=lambda form: (form.file == INT8, form.copies))


def _writers(
    run: Run,
    pictures: Path,
    model: storage.ModelFile,
    plain: keras.Model,
    three_outputs: keras.Model,
    head: DenseHead,
) -> dict[str, Write]:
    """The function that writes each format."""
    import keras

    from core.export import convert

    description = Description.of(model)
    named = keras.Model(plain.input, {"probabilities": plain.output}, name="classifier")
    embedding = three_outputs.output["embedding"]
    trunk = keras.Model(plain.input, {"embedding": embedding}, name="trunk")

    def to_int8(path: Path) -> None:
        source = path.with_name(f"{SAVED_MODEL} to quantise")
        convert.to_saved_model(trunk, source, description)
        examples: tuple[Example, ...] = run.dataset().of("train")
        chosen = [examples[place] for place in _evenly(len(examples), CALIBRATION_PICTURES)]
        views = np.stack(
            [
                images.decode_and_crop(pictures / example.path, model.size, model.crop)
                for example in chosen
            ]
        )
        embeddings = trunk.predict(views, batch_size=BATCH, verbose=0)["embedding"]
        convert.to_int8(source, views, embeddings, head, path, description)

    return {
        storage.LITERT: lambda path: convert.to_litert(three_outputs, path, description),
        storage.KERAS: plain.save,
        SAVED_MODEL: lambda path: convert.to_saved_model(named, path, description),
        ONNX: lambda path: convert.to_onnx(named, path, description),
        INT8: to_int8,
    }
