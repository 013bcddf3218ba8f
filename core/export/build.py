"""Make the files of a run that people take away, and let none through that is not proven."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from core import backbones, images
from core.errors import Cancelled, NotEnoughResources, TuskerError
from core.estimating import resources
from core.export import backbone_file, split_file, train_program, verify
from core.export.formats import FORMATS, INT8, ONNX, SAVED_MODEL, Format
from core.export.metadata import LABELS, Description, labels
from core.export.verify import HeldOut
from core.jobs.events import Counter, Emit, Note
from core.model import storage
from core.model.dense import DenseHead
from core.runs.run import Run
from core.runs.verification import Proof, Verification
from core.settings import MEGABYTE, Settings
from core.system import capacity, files

if TYPE_CHECKING:
    import keras

logger = logging.getLogger(__name__)

OPENED = 4
"""Memory of a process that asks a file, in sizes of the network, besides its libraries."""
PROVEN = 200
"""Most test pictures that each file is asked about."""
CALIBRATED = 100
"""Training pictures whose activations give the ranges of int8."""

LOOKED_AT = 16
"""Of those, how many at once."""
TRAIN = "train.py"
Write = Callable[[Path], None]


def build_all(run: Run, pictures: Path, settings: Settings, emit: Emit) -> Verification:
    """Write each format beside the model; none stays that does not answer as the report does.

    Each is opened again in a fresh process before it gets its name. What becomes of one does not
    touch the others.

    Raises:
        RunDamaged: the run's own files cannot be read.
        WeightsUnavailable: the backbone's weights cannot be had.
    """
    from core.model import keras_model

    saved, arrays = storage.load(run.model_folder)
    plain, serving_form = keras_model.assemble(saved, arrays, settings)
    files.write_text(run.model_folder / LABELS, labels(saved))
    _write_training(run, saved, settings)
    known = held_out(run, pictures)
    writers = _writers(run, pictures, saved, plain, serving_form, DenseHead.from_arrays(arrays))
    proofs = []
    with tempfile.TemporaryDirectory(prefix=".making-", dir=run.model_folder) as scratch:
        for form in _in_order():
            made, place = Path(scratch) / form.file, run.model_folder / form.file
            files.remove(place)
            emit(Note(sentence=f"{form.file} is being written and proven."))
            found = _one(form, made, writers[form.file], saved, known, Counter(emit))
            if found.passed:
                made.rename(place)
            else:
                emit(Note(sentence=found.reason))
            proofs.append(found)
    order = [form.file for form in FORMATS]
    verification = Verification(
        pictures=len(known.paths),
        accuracy=known.accuracy,
        proofs=tuple(sorted(proofs, key=lambda found: order.index(found.file))),
    )
    run.write_verification(verification)
    return verification


def held_out(run: Run, pictures: Path) -> HeldOut:
    """Test pictures from all over the test set, with what the report says of each."""
    examples = run.dataset().of("test")
    some = np.unique(np.linspace(0, len(examples) - 1, PROVEN).round().astype(int))
    return HeldOut(
        paths=tuple(pictures / examples[place].path for place in some),
        labels=np.array([examples[place].label for place in some]),
        probabilities=run.probabilities()[some],
    )


def _write_training(run: Run, saved: storage.ModelFile, settings: Settings) -> None:
    """Write `train.py` and what it needs beside it."""
    folder, dataset, backbone = run.model_folder, run.dataset(), backbones.get(saved.backbone)
    files.write_text(folder / split_file.NAME, split_file.rows(dataset))
    if not backbone.in_keras:
        backbone_file.write(backbone, folder / backbone_file.NAME, settings)
    files.write_text(folder / TRAIN, train_program.program(run.config(), saved, dataset))


def _one(
    form: Format, made: Path, write: Write, saved: storage.ModelFile, known: HeldOut, count: Counter
) -> Proof:
    """Write and prove one format; why it is not there, if it is not."""
    try:
        _require_memory(form, saved)
        write(made)
        return verify.verify(form, made, saved, known, count)
    except Cancelled:
        raise
    except TuskerError as refusal:
        return Proof(file=form.file, passed=False, reason=f"{form.file} was not made: {refusal}")
    except Exception:
        logger.exception(form.file)
        sentence = f"{form.file} could not be made; the log says why."
        return Proof(file=form.file, passed=False, reason=sentence)


def _require_memory(form: Format, saved: storage.ModelFile) -> None:
    """Refuse to make or to prove a file in less memory than that takes."""
    network = backbones.get(saved.backbone).megabytes * MEGABYTE
    asking = OPENED * network + (resources.TENSORFLOW_BYTES if form.tensorflow else 0)
    needed, found = round(max(form.copies * network, asking)), capacity.free_memory()
    if needed > found * (1 - resources.RESERVE):
        raise NotEnoughResources(
            f"Expected about {resources.format_bytes(needed)} of free memory, found "
            f"{resources.format_bytes(found)}. End other work on this machine and train again, "
            "or take a smaller backbone."
        )


def _in_order() -> list[Format]:
    """Formats that are made from another come after it; what takes most memory comes last."""
    return sorted(FORMATS, key=lambda form: (form.file == INT8, form.copies))


def _writers(
    run: Run,
    pictures: Path,
    saved: storage.ModelFile,
    plain: keras.Model,
    serving_form: keras.Model,
    head: DenseHead,
) -> dict[str, Write]:
    """How each format is written."""
    import keras

    from core.export import litert_model, onnx_model, saved_model

    about = Description.of(saved)
    named = keras.Model(plain.input, {"probabilities": plain.output}, name="classifier")
    embedding = serving_form.output["embedding"]
    trunk = keras.Model(plain.input, {"embedding": embedding}, name="trunk")

    def quantise(path: Path) -> None:
        source = path.with_name(f"{SAVED_MODEL} to quantise")
        saved_model.convert(trunk, source, about)
        examples = run.dataset().of("train")
        some = np.unique(np.linspace(0, len(examples) - 1, CALIBRATED).round().astype(int))
        views = [images.load(pictures / examples[i].path, saved.size, saved.crop) for i in some]
        embeddings = trunk.predict(np.stack(views), batch_size=LOOKED_AT, verbose=0)["embedding"]
        litert_model.quantise(source, np.stack(views), embeddings, head, path, about)

    return {
        storage.LITERT: lambda path: litert_model.convert(serving_form, path, about),
        storage.KERAS: plain.save,
        SAVED_MODEL: lambda path: saved_model.convert(named, path, about),
        ONNX: lambda path: onnx_model.convert(named, path, about),
        INT8: quantise,
    }
