"""One prediction: what naming a picture takes, beside the least that it could, and beside Keras.

    python -m benchmarks.prediction

On the default backbone, from the bytes of a photograph to its labels, against the sum of its bare
parts: Pillow decodes it, Pillow resizes it, and the LiteRT interpreter is called on an array.

On ResNet50, again from bytes to labels, against `model.predict` of Keras on an array that lies
ready. The weights are random, for the published ones are a download; it takes as long with them.

As a whole process: `python -m core predict PHOTO` against `benchmarks.script`, from the start of
the process until it is gone. Both have run once before, uncounted.

What is compared is called in turn within one run, and medians are taken.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image

from benchmarks import jobs, pictures
from benchmarks.report import Figure, show
from core import backbones
from core.backbones import Backbone, serving
from core.model.classifier import Classifier
from core.settings import Settings

TOP = 3
RESNET = "resnet50"
WARM_UP = 3

Call = Callable[[], object]


def interleaved(calls: Mapping[str, Call], rounds: int, warm_up: int = WARM_UP) -> dict[str, float]:
    """Median milliseconds of each call, all called in turn, round after round."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(warm_up + rounds):
        for name, call in calls.items():
            began = time.perf_counter()
            call()
            if number >= warm_up:
                taken[name].append(1000 * (time.perf_counter() - began))
    return {name: median(found) for name, found in taken.items()}


def named(classifier: Classifier, content: bytes) -> Call:
    """From bytes to labels, as the page and the command line do it."""

    def call() -> object:
        answer = classifier.answer(classifier.load(content))
        return classifier.top(answer.probabilities, TOP)

    return call


def bare(backbone: Backbone, settings: Settings, content: bytes) -> dict[str, Call]:
    """The parts of it with nothing around them: decode, resize, interpreter."""
    from ai_edge_litert.interpreter import Interpreter

    edge = int(np.ceil(backbone.size / backbone.crop))
    interpreter = Interpreter(
        model_path=str(serving.required(backbone, settings)), num_threads=os.cpu_count()
    )
    interpreter.allocate_tensors()
    given = interpreter.get_input_details()[0]["index"]
    wanted = serving.outputs(interpreter)["probabilities"]

    def decode() -> Image.Image:
        picture = Image.open(io.BytesIO(content))
        picture.draft("RGB", (edge, edge))
        return picture.convert("RGB")

    decoded = decode()
    side = backbone.crop * min(decoded.size)
    left, top = (decoded.width - side) / 2, (decoded.height - side) / 2

    def resize() -> Image.Image:
        square = (left, top, left + side, top + side)
        return decoded.resize((backbone.size,) * 2, Image.Resampling.BICUBIC, box=square)

    batch = np.asarray(resize(), np.float32)[np.newaxis]

    def interpret() -> np.ndarray:
        interpreter.set_tensor(given, batch)
        interpreter.invoke()
        return interpreter.get_tensor(wanted)

    return {"decode": decode, "resize": resize, "interpreter": interpret}


def against_parts(photo: Path, settings: Settings, rounds: int) -> dict[str, Figure]:
    """The default backbone against its bare parts."""
    backbone = backbones.get(backbones.DEFAULT)
    content = photo.read_bytes()
    parts = bare(backbone, settings, content)
    classifier = Classifier.of_backbone(backbone, settings)
    taken = interleaved({"whole": named(classifier, content), **parts}, rounds)
    found = {f"{backbone.name}: milliseconds, bare {name}": Figure(taken[name]) for name in parts}
    least = sum(taken[name] for name in parts)
    return found | {
        f"{backbone.name}: milliseconds from bytes to labels": Figure(taken["whole"]),
        "bytes to labels, to the sum of its parts": Figure(taken["whole"] / least, at_most=1.3),
    }


def against_keras(photo: Path, settings: Settings, rounds: int) -> dict[str, Figure]:
    """ResNet50 against `model.predict` of the same network."""
    import keras

    backbone = backbones.get(RESNET)
    content = photo.read_bytes()
    classifier = Classifier.of_backbone(backbone, settings)
    model = keras.applications.ResNet50(weights=None)
    batch = classifier.load(content)[np.newaxis].astype(np.float32)
    taken = interleaved(
        {
            "tusker": named(classifier, content),
            "keras": lambda: model.predict(batch, verbose=0),
        },
        rounds,
    )
    return {
        f"{RESNET}: milliseconds from bytes to labels": Figure(taken["tusker"]),
        f"{RESNET}: milliseconds of model.predict": Figure(taken["keras"]),
        "times faster than model.predict": Figure(taken["keras"] / taken["tusker"], at_least=3.0),
    }


def against_script(photo: Path, settings: Settings, rounds: int) -> dict[str, Figure]:
    """The command line against the usual script, each as a whole process."""

    def process(module: str, *arguments: str) -> Call:
        return lambda: jobs.said(module, *arguments, settings=settings)

    taken = interleaved(
        {
            "tusker": process("core", "predict", str(photo)),
            "script": process("benchmarks.script", str(photo)),
        },
        rounds,
        warm_up=1,
    )
    return {
        "process: seconds of Tusker": Figure(taken["tusker"] / 1000),
        "process: seconds of the script": Figure(taken["script"] / 1000),
        "process: times faster": Figure(taken["script"] / taken["tusker"], at_least=6.0),
    }


def main(arguments: list[str] | None = None) -> int:
    """Measure one after the other and print the medians."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photo", type=Path, help="by default a cut of one that is here")
    parser.add_argument("--rounds", type=int, default=50, help="calls of each in one process")
    parser.add_argument("--processes", type=int, default=5, help="starts of each")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="tusker-") as name:
        folder = Path(name)
        photo = (asked.photo or pictures.photographs(folder / "photo", 1)[0]).resolve()
        settings = jobs.new_home(folder / "home")
        # TensorFlow comes last into this process: its threads are then in nobody's way.
        figures = against_parts(photo, settings, asked.rounds)
        figures |= against_script(photo, settings, asked.processes)
        jobs.prepare(RESNET, settings, random=True)
        figures |= against_keras(photo, settings, asked.rounds)
    return show(figures, as_json=asked.json)


if __name__ == "__main__":
    sys.exit(main())
