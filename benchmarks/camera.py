"""False alarms and hits of the camera check.

    python -m benchmarks.camera --datasets FOLDER

Quick is trained on each zip of a folder. Then sets of ten frames are checked. They are made of test
pictures, which the training never saw, with the size and compression of real frames:

- ten pictures: each frame is another picture. A camera that is moved about.
- one picture: all frames are the same one. A camera that is held still: the harder case.

They are used unchanged, and changed as by a poor camera: dark (a third of the light), blue (six
tenths of the red, a third more blue), blurred (by 2 pixels of what the model sees). The table shows
the shares that are called unlike, and those called unlike or `somewhat unlike`. Soft pictures
cannot be distinguished from blurred ones, so a dataset of soft pictures has no bound there.
"""

import argparse
import io
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from benchmarks import jobs
from benchmarks.jobs import ImportedDataset
from benchmarks.report import Figure, show
from core import runs
from core.live import camera_check
from core.model import appearance
from core.model.classifier import Classifier
from core.pipeline import training_job
from core.settings import Settings
from core.training import config

GROUPS = 100
"""Number of checks of ten frames each."""
SOFT = 15.0
"""Usual sharpness of training pictures below which no blur can be seen."""
FALSE_ALARMS, FALSE_ALARMS_STILL, DETECTED = 0.05, 0.2, 0.9
"""Largest share of false alarms on ten pictures and on one; least share of changed cameras that are
noticed."""


def _darker(view: np.ndarray) -> np.ndarray:
    return _lit(view, 0.33, 0.33, 0.33)


def _bluer(view: np.ndarray) -> np.ndarray:
    return _lit(view, 0.6, 0.9, 1.33)


def _blurred(view: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(view).filter(ImageFilter.GaussianBlur(2)))


def _lit(view: np.ndarray, *factors: float) -> np.ndarray:
    return np.rint(view * np.array(factors)).clip(0, 255).astype(np.uint8)


CAMERAS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "as it is": np.asarray,
    "dark": _darker,
    "blue": _bluer,
    "blurred": _blurred,
}


def train(
    imported: ImportedDataset, settings: Settings, backbone: str
) -> tuple[Classifier, list[np.ndarray]]:
    """A model trained on a dataset, and its test pictures as it sees them."""
    preset = config.preset("quick", backbone=backbone)
    run = runs.create(preset, imported.dataset, runs.new_path(settings))
    training_job.train(run, imported.pictures, settings, lambda _: None)
    classifier = run.classifier(settings)
    examples = run.dataset().of("test")
    return classifier, [classifier.load(imported.pictures / example.path) for example in examples]


def shares_called_unlike(
    classifier: Classifier, views: Sequence[np.ndarray], *, still: bool, groups: int = GROUPS
) -> tuple[float, float]:
    """Shares of checks that call a camera unlike, and that call it at least somewhat unlike."""
    random, unlike, remarked = np.random.default_rng(0), 0, 0
    for _ in range(groups):
        count = 1 if still else min(camera_check.FRAMES, len(views))
        chosen = random.choice(len(views), count, replace=False)
        frames = [as_frame(views[index]) for index in chosen]
        result = camera_check.check(classifier, frames)
        unlike += result.unlike
        remarked += any(measure.difference for measure in result.measures)
    return unlike / groups, remarked / groups


def as_frame(view: np.ndarray) -> bytes:
    """A frame as the browser sends it."""
    file = io.BytesIO()
    Image.fromarray(view).save(file, "JPEG", quality=appearance.QUALITY)
    return file.getvalue()


def figures(
    name: str, classifier: Classifier, views: Sequence[np.ndarray], groups: int = GROUPS
) -> dict[str, Figure]:
    """Shares of checks that call each camera unlike, with ten pictures and with one."""
    assert classifier.appearance is not None
    soft = classifier.appearance.sharpness.middle < SOFT
    measured = {}
    for camera, change in CAMERAS.items():
        changed = [change(view) for view in views]
        plain = camera == "as it is"
        for still, pictures in ((False, "ten pictures"), (True, "one picture")):
            unlike, remarked = shares_called_unlike(classifier, changed, still=still, groups=groups)
            title = f"{name}, {camera}, {pictures}"
            most = (FALSE_ALARMS_STILL if still else FALSE_ALARMS) if plain else None
            least = None if plain or still or (soft and camera == "blurred") else DETECTED
            measured[f"{title}: unlike"] = Figure(unlike, at_most=most)
            measured[f"{title}: at least somewhat"] = Figure(
                remarked, at_least=least, at_most=FALSE_ALARMS if plain and not still else None
            )
    return measured


def main(arguments: list[str] | None = None) -> int:
    """Train on each dataset, check its cameras and print the shares."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--datasets", type=Path, required=True, help="folder of zips")
    parser.add_argument("--backbone", default="efficientnet-lite0")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    measured: dict[str, Figure] = {}
    with tempfile.TemporaryDirectory(prefix="tusker-") as scratch:
        settings = jobs.new_home(Path(scratch) / "home")
        if options.backbone != "efficientnet-lite0":
            jobs.prepare(options.backbone, settings)
        for source in sorted(options.datasets.glob("*.zip")):
            imported = jobs.take_in(source, Path(scratch) / source.stem, settings)
            measured |= figures(source.stem, *train(imported, settings, options.backbone))
    return show(measured, as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
