"""Make the files of a run that people take away, check them, and pack them as one zip."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

import numpy as np

from core import files, images, model
from core.classifier import ServingModel
from core.errors import RunDamaged
from core.run import CONFIG, REPORT, Run
from core.settings import Settings
from core.training.events import Emit, Note

LABELS = "labels.txt"
PREDICT = "predict.py"
SHIPPED = Path(__file__).parent / "shipped"
"""Programs that are in every bundle as they stand here, and that need nothing of Tusker."""
MEANING = {
    model.KERAS: "The whole model for Keras",
    model.LITERT: "The whole model for LiteRT, on phones, in browsers and here",
    PREDICT: "A program that names pictures with it, by numpy, pillow and ai-edge-litert alone",
    LABELS: "Names of the classes, one a line, in the order of the outputs",
    model.MODEL: "What the model is: backbone, size, classes",
    model.WEIGHTS: "The weights that were trained, as plain arrays",
    model.NOVELTY: "What tells pictures apart that are unlike those it was taught",
    REPORT: "The report, as JSON",
    CONFIG: "The settings, to train it again",
}
CHECKED = 8
"""Test pictures on which every file must agree with the report."""
TOLERANCE = 1e-3


def make(run: Run, pictures: Path, settings: Settings, emit: Emit) -> None:
    """Write `classifier.keras`, `classifier.tflite` and `labels.txt` beside the model.

    Each is opened again and must give the report's probabilities on test pictures before it gets
    its name.

    Raises:
        RunDamaged: a file does not answer as the report does.
    """
    from core.export import keras_model, litert_model

    folder = run.model_folder
    saved, arrays = model.load(folder)
    plain, serving_form = keras_model.assemble(saved, arrays, settings)
    files.write_text(folder / LABELS, "".join(f"{name}\n" for name in saved.classes))
    views, wanted = _known(run, saved, pictures)

    emit(Note(sentence=f"{model.LITERT} is being written and checked."))
    with files.replacing(folder / model.LITERT) as temporary:
        litert_model.convert(serving_form, temporary)
        _check(model.LITERT, _litert(temporary, views), wanted)
    emit(Note(sentence=f"{model.KERAS} is being written and checked."))
    with files.replacing(folder / model.KERAS) as temporary:
        plain.save(temporary)
        _check(model.KERAS, _keras(temporary, views), wanted)


def members(run: Run) -> dict[str, Path]:
    """The files of the bundle that exist, by their name in it."""
    folder = run.model_folder
    places = {
        model.KERAS: folder / model.KERAS,
        model.LITERT: folder / model.LITERT,
        PREDICT: SHIPPED / PREDICT,
        LABELS: folder / LABELS,
        model.MODEL: folder / model.MODEL,
        model.WEIGHTS: folder / model.WEIGHTS,
        model.NOVELTY: folder / model.NOVELTY,
        REPORT: run.path / REPORT,
        CONFIG: run.path / CONFIG,
    }
    if not places[model.LITERT].is_file():
        del places[PREDICT]  # it would have nothing to ask
    return {name: place for name, place in places.items() if place.is_file()}


def sizes(run: Run) -> dict[str, int]:
    """Bytes of each file of the bundle."""
    return {name: place.stat().st_size for name, place in members(run).items()}


def packed(run: Run, settings: Settings) -> bytes:
    """The bundle as one zip. Models hardly shrink, so it is not compressed."""
    with tempfile.TemporaryFile(dir=settings.home) as scratch:
        with zipfile.ZipFile(scratch, "w", zipfile.ZIP_STORED) as archive:
            for name, place in members(run).items():
                archive.write(place, name)
        scratch.seek(0)
        return scratch.read()


def _known(run: Run, saved: model.ModelFile, pictures: Path) -> tuple[np.ndarray, np.ndarray]:
    """Some test pictures as the model sees them, and what the report says of each."""
    examples = run.dataset().of("test")[:CHECKED]
    views = [images.load(pictures / e.path, saved.size, saved.crop) for e in examples]
    return np.stack(views), run.probabilities()[: len(examples)]


def _keras(path: Path, views: np.ndarray) -> np.ndarray:
    import keras

    # The file was written by this very job; one from outside is never opened.
    network = keras.saving.load_model(path, compile=False, safe_mode=True)  # noqa: TID251
    return np.asarray(network.predict_on_batch(views.astype(np.float32)))


def _litert(path: Path, views: np.ndarray) -> np.ndarray:
    network = ServingModel(path, threads=2)
    return np.stack([network.run(view).probabilities for view in views])


def _check(name: str, found: np.ndarray, wanted: np.ndarray) -> None:
    difference = float(np.abs(found - wanted).max())
    if not difference <= TOLERANCE:  # a NaN is not
        raise RunDamaged(
            f"{name} differs from the report by {difference:.4f} in probability, "
            f"more than {TOLERANCE}; it was withheld."
        )
