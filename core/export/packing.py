"""Pack the bundle that people download: models, programs, report, card and licences in one zip."""

import shutil
import time
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import IO

from core import backbones
from core.export import parts, programs
from core.export.card import card
from core.export.formats import FORMATS, LABELS, Format, size
from core.export.train_program import BACKBONE_FILE, PROGRAM, SPLIT_FILE
from core.model import storage
from core.runs.run import BUNDLED, Run
from core.settings import Settings

CARD = "MODEL_CARD.md"
LICENCES = "LICENCES.md"
FILE_MODE = 0o644
EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip can hold; a machine without a clock may be set to an earlier one."""
APACHE = programs.HERE / "Apache-2.0.txt"
MIT = Path(__file__).parents[2] / "LICENSE"
"""Tusker's own licence."""
MODEL_FILES = {
    PROGRAM: "A Keras program that trains the same model again, without Tusker",
    SPLIT_FILE: "Which picture was for training, validation and test, for train.py",
    BACKBONE_FILE: "The pretrained network, for train.py, if Keras does not have it; prepared "
    "with the Keras format",
    LABELS: "Names of the classes, one per line, in the order of the outputs",
    storage.MODEL: "What the model is: backbone, size, classes, when it is not sure",
    storage.WEIGHTS: "The trained weights, as plain arrays",
    storage.OOD: "Detects pictures that are not like the training pictures",
    storage.LEARNED: "Which pictures it learned from, by SHA-256, so that none is used to test it",
    storage.APPEARANCE: "Brightness, colour and sharpness of the training pictures",
}
"""Files of the model folder beside the formats, with what each is for."""
REWRITTEN = (LABELS, PROGRAM, SPLIT_FILE)
"""Files that every export writes again, before the manifest lists them as they are then."""
DESCRIPTIONS = {
    **MODEL_FILES,
    **BUNDLED,
    CARD: "Training data, evaluation and limits of the model",
    LICENCES: "Licences of the weights and the programs",
}


def available_formats(run: Run) -> tuple[Format, ...]:
    """The formats of a run that exist and passed the verification."""
    verification = run.verification()
    if verification is None:
        return ()
    passed = {result.file for result in verification.results if result.passed}
    return tuple(
        form for form in FORMATS if form.file in passed and (run.model_folder / form.file).exists()
    )


def sizes(run: Run) -> dict[str, int]:
    """Bytes of each available format."""
    return {form.file: size(run.model_folder / form.file) for form in available_formats(run)}


def other_files(run: Run, settings: Settings) -> dict[str, Path]:
    """The files beside the formats that exist, by their name in the bundle."""
    paths = {name: run.model_folder / name for name in MODEL_FILES}
    backbone = backbones.get(storage.load_description(run.model_folder).backbone)
    if not backbone.in_keras:
        paths[BACKBONE_FILE] = parts.backbone_path(backbone, settings)
    return {name: path for name, path in paths.items() if path.is_file()} | run.bundled_files()


def write_bundle(
    run: Run, settings: Settings, file: IO[bytes] | Path, chosen: Collection[str] | None = None
) -> None:
    """Write the bundle as a zip, uncompressed since models hardly shrink.

    It has the same bytes each time, so that Streamlit keeps one copy of all downloads.

    Args:
        chosen: files of the formats to include; None for all available ones.

    Raises:
        RunDamaged: the run is not complete, or one of its files cannot be read or has changed.
    """
    forms = [form for form in available_formats(run) if chosen is None or form.file in chosen]
    others = other_files(run, settings)
    paths = [run.model_folder / form.file for form in forms]
    paths += [path for name, path in others.items() if name not in (BACKBONE_FILE, *REWRITTEN)]
    run.check_listed(path for path in paths if path != run.verification.path)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, strict_timestamps=False) as archive:
        for form in forms:
            _add(archive, run.model_folder / form.file, form.file)
        written = _texts(run, forms)
        for name, path in others.items():
            if name not in written:
                archive.write(path, name)
        completed = max(EARLIEST, time.localtime(run.manifest().completed_at)[:6])
        for name, text in written.items():
            entry = zipfile.ZipInfo(name, completed)
            entry.external_attr = FILE_MODE << 16
            archive.writestr(entry, text)


def write_format(run: Run, form: Format, file: IO[bytes]) -> None:
    """Write a file as it is, or the folder of a SavedModel as a zip.

    Raises:
        RunDamaged: it has changed since it was verified.
    """
    path = run.model_folder / form.file
    run.check_listed([path])
    if path.is_file():
        with path.open("rb") as source:
            shutil.copyfileobj(source, file)
        return
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, strict_timestamps=False) as archive:
        _add(archive, path, form.file)


def program(run: Run, form: Format) -> str:
    """The program that predicts with a format, and decides as the owner has chosen."""
    model = storage.load_description(run.model_folder)
    ood = (run.model_folder / storage.OOD).is_file()
    return programs.prediction(form, model, run.decision(), ood=ood)


def _texts(run: Run, forms: Collection[Format]) -> dict[str, str]:
    """The files that are made for a bundle, by name; most depend on the choices of the owner."""
    model = storage.load_description(run.model_folder)
    backbone = backbones.get(model.backbone)
    chosen = run.annotations().model_dump(include={"threshold", "level"})
    written = {
        CARD: card(run),
        storage.MODEL: model.model_copy(update=chosen).model_dump_json(indent=1),
        LICENCES: programs.render(
            "licences.md.j2",
            backbone=backbone,
            changed=model.fine_tuned,
            mit=MIT.read_text(encoding="utf-8"),
        ),
    }
    for form in reversed(list(forms)):  # two formats share a program, which reads the first
        written[form.program] = program(run, form)
    if backbone.licence == "Apache-2.0":
        written[APACHE.name] = APACHE.read_text(encoding="utf-8")
    return written


def _add(archive: zipfile.ZipFile, path: Path, name: str) -> None:
    """Add a file, or a folder with everything in it."""
    if path.is_file():
        archive.write(path, name)
        return
    for file in sorted(path.rglob("*")):
        if file.is_file():
            archive.write(file, f"{name}/{file.relative_to(path).as_posix()}")
