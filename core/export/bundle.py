"""Make the files of a run that people take away, check them, and pack them as one zip."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from core import files, images, model
from core.classifier import ServingModel
from core.errors import RunDamaged
from core.runs import CONFIG, REPORT, Run
from core.settings import Settings
from core.training.events import Emit, Note

LABELS = "labels.txt"
CHECKED = 8
"""Test pictures on which every file must agree with the report."""
TOLERANCE = 1e-3


def make(run: Run, pictures: Path, settings: Settings, emit: Emit) -> None:
    """Write `classifier.keras`, `classifier.tflite` and `labels.txt` beside the model.

    Each is opened again and must give the report's probabilities on test pictures; one that does
    not is removed.

    Raises:
        RunDamaged: a file does not answer as the report does.
    """
    from core.export import keras_model, litert_model

    folder = run.model_folder
    saved, arrays = model.load(folder)
    plain, serving_form = keras_model.assemble(saved, arrays, settings)
    files.write_text(folder / LABELS, "".join(f"{name}\n" for name in saved.classes))

    emit(Note(sentence="classifier.keras is written."))
    with files.replacing(folder / model.KERAS) as temporary:
        plain.save(temporary)
    if not (folder / model.LITERT).is_file():
        emit(Note(sentence="classifier.tflite is written."))
        litert_model.convert(serving_form, folder / model.LITERT)

    emit(Note(sentence="Both files are opened again and checked."))
    views, wanted = _known(run, saved, pictures)
    _check(folder / model.KERAS, _keras(folder / model.KERAS, views), wanted)
    _check(folder / model.LITERT, _litert(folder / model.LITERT, views), wanted)


def pack(run: Run, path: Path) -> None:
    """Write the bundle: the exports, labels, report and settings as one zip."""
    folder = run.model_folder
    members = {
        model.KERAS: folder / model.KERAS,
        model.LITERT: folder / model.LITERT,
        LABELS: folder / LABELS,
        model.MODEL: folder / model.MODEL,
        model.WEIGHTS: folder / model.WEIGHTS,
        REPORT: run.path / REPORT,
        CONFIG: run.path / CONFIG,
    }
    with (
        files.replacing(path) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as bundle,
    ):
        for name, member in members.items():
            if member.is_file():
                bundle.write(member, name)


def _known(
    run: Run, saved: model.ModelFile, pictures: Path
) -> tuple[np.ndarray, np.ndarray]:
    """Some test pictures as the model sees them, and what the report says of each."""
    examples = run.dataset().of("test")[:CHECKED]
    views = [images.load(pictures / e.path, saved.size, saved.crop) for e in examples]
    return np.stack(views), run.probabilities()[: len(examples)]


def _keras(path: Path, views: np.ndarray) -> np.ndarray:
    import keras

    network = keras.saving.load_model(path, compile=False, safe_mode=True)
    return np.asarray(network.predict_on_batch(views.astype(np.float32)))


def _litert(path: Path, views: np.ndarray) -> np.ndarray:
    network = ServingModel(path, threads=2)
    return np.stack([network.run(view).probabilities for view in views])


def _check(path: Path, found: np.ndarray, wanted: np.ndarray) -> None:
    difference = float(np.abs(found - wanted).max())
    if not difference <= TOLERANCE:  # a NaN is not
        path.unlink()
        raise RunDamaged(
            f"{path.name} differs from the report by {difference:.4f} in probability, "
            f"more than {TOLERANCE}; it was withheld."
        )
