"""Pack what people take away of a run as one zip: model, programs, report, card, licences."""

from __future__ import annotations

import tempfile
import time
import zipfile
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path

from core import backbones
from core.backbones import Backbone
from core.export import backbone_file, programs, split_file
from core.export.build import TRAIN
from core.export.card import card
from core.export.formats import FORMATS, Format
from core.export.metadata import LABELS
from core.export.verify import size
from core.model import storage
from core.runs.artifacts import VERIFICATION
from core.runs.run import CONFIG, REPORT, Run
from core.settings import Settings

CARD = "MODEL_CARD.md"
LICENCES = "LICENCES.md"
READABLE = 0o644
"""Rights of what is written when it is packed, as other programs would give it."""
APACHE = programs.HERE / "Apache-2.0.txt"
MIT = Path(__file__).parents[2] / "LICENSE"
"""Tusker's own licence."""
MEANING = {
    TRAIN: "A program that trains the same again on your pictures, by Keras alone",
    split_file.NAME: "Which picture was for training, validation and test, for train.py",
    backbone_file.NAME: "The pretrained network, for train.py, where Keras itself has it not",
    LABELS: "Names of the classes, one a line, in the order of the outputs",
    storage.MODEL: "What the model is: backbone, size, classes",
    storage.WEIGHTS: "The weights that were trained, as plain arrays",
    storage.OOD: "What tells pictures apart that are unlike those it was taught",
    storage.APPEARANCE: "How its training pictures look: light, colour, sharpness",
    VERIFICATION: "What was found when each file was opened again",
    CARD: "What it was taught on, what it cannot do, how it was measured",
    REPORT: "The report, as JSON",
    CONFIG: "The settings, to train it again",
    LICENCES: "What may be done with the weights and the programs",
}


def available_formats(run: Run) -> tuple[Format, ...]:
    """The formats that are there, proven."""
    found = run.verification()
    if found is None:
        return ()
    passed = {proof.file for proof in found.proofs if proof.passed}
    return tuple(
        form for form in FORMATS if form.file in passed and (run.model_folder / form.file).exists()
    )


def title(file: str) -> str:
    """What to call a format on the screen."""
    return next(form.title for form in FORMATS if form.file == file)


def sizes(run: Run) -> dict[str, int]:
    """Bytes of each format that is there."""
    return {form.file: size(run.model_folder / form.file) for form in available_formats(run)}


def companions(run: Run) -> dict[str, Path]:
    """The files beside the formats that exist, by their name in the bundle."""
    folder = run.model_folder
    places = {
        TRAIN: folder / TRAIN,
        split_file.NAME: folder / split_file.NAME,
        backbone_file.NAME: folder / backbone_file.NAME,
        LABELS: folder / LABELS,
        storage.MODEL: folder / storage.MODEL,
        storage.WEIGHTS: folder / storage.WEIGHTS,
        storage.OOD: folder / storage.OOD,
        storage.APPEARANCE: folder / storage.APPEARANCE,
        VERIFICATION: run.path / VERIFICATION,
        REPORT: run.path / REPORT,
        CONFIG: run.path / CONFIG,
    }
    return {name: place for name, place in places.items() if place.is_file()}


def pack(run: Run, settings: Settings, chosen: Collection[str] | None = None) -> bytes:
    """The bundle as one zip. Models hardly shrink, so it is not compressed.

    Args:
        chosen: files of the formats that it is to hold; all that are there if None.

    Raises:
        RunDamaged: the run is not complete, or one of its files cannot be read.
    """
    forms = [form for form in available_formats(run) if chosen is None or form.file in chosen]
    with tempfile.TemporaryFile(dir=settings.home) as scratch:
        with zipfile.ZipFile(scratch, "w", zipfile.ZIP_STORED) as archive:
            for form in forms:
                _add(archive, run.model_folder / form.file, form.file)
            for name, place in companions(run).items():
                archive.write(place, name)
            for name, text in texts(run, forms).items():
                entry = zipfile.ZipInfo(name, time.localtime()[:6])
                entry.external_attr = READABLE << 16
                archive.writestr(entry, text())
        scratch.seek(0)
        return scratch.read()


def texts(run: Run, forms: Collection[Format]) -> dict[str, Callable[[], str]]:
    """What is written when it is packed: programs for these formats, the card, the licences."""
    saved = storage.load_description(run.model_folder)
    threshold = run.annotations().threshold
    found: dict[str, Callable[[], str]] = {CARD: lambda: card(run)}
    for form in reversed(list(forms)):  # of two formats with one program it asks the first
        found[form.program] = partial(programs.prediction, form, saved, threshold)
    return found | _licences(backbones.get(saved.backbone))


def _licences(backbone: Backbone) -> dict[str, Callable[[], str]]:
    """By name in the bundle."""
    found: dict[str, Callable[[], str]] = {
        LICENCES: lambda: programs.rendered(
            "licences.md.j2", backbone=backbone, mit=MIT.read_text(encoding="utf-8")
        )
    }
    if backbone.licence == "Apache-2.0":
        found[APACHE.name] = lambda: APACHE.read_text(encoding="utf-8")
    return found


def _add(archive: zipfile.ZipFile, place: Path, name: str) -> None:
    """A file, or a folder with all that is in it."""
    if place.is_file():
        archive.write(place, name)
        return
    for path in sorted(place.rglob("*")):
        if path.is_file():
            archive.write(path, f"{name}/{path.relative_to(place).as_posix()}")
