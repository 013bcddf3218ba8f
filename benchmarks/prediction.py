"""A single prediction: milliseconds, compared with its bare parts and with Keras.

    python -m benchmarks.prediction

Default backbone: from the bytes of a photograph to its labels, compared with the sum of its parts
(Pillow decodes, Pillow resizes, the LiteRT interpreter runs).

ResNet50: from bytes to labels, compared with Keras' `model.predict` on a prepared array. The
weights are random, because the published ones are a download; that does not change the time.

Process: `python -m core predict PHOTO` compared with `benchmarks.script`, from the start of the
process to its end, after one run of each that is not counted.

The compared calls alternate, and medians are taken.
"""

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
from benchmarks.report import Figure, argument_parser, show
from core import backbones
from core.backbones import Backbone, serving
from core.model.classifier import Classifier
from core.settings import Settings

TOP = 3
RESNET = "resnet50"
WARM_UP = 3

Call = Callable[[], object]


def interleaved(calls: Mapping[str, Call], rounds: int, warm_up: int = WARM_UP) -> dict[str, float]:
    """Median milliseconds of each call; the calls alternate."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(warm_up + rounds):
        for name, call in calls.items():
            began = time.perf_counter()
            call()
            if number >= warm_up:
                times[name].append(1000 * (time.perf_counter() - began))
    return {name: median(values) for name, values in times.items()}


def classify(classifier: Classifier, content: bytes) -> Call:
    """A call from bytes to labels, as on the page and on the command line."""

    def call() -> object:
        answer = classifier.answer(classifier.load(content))
        return classifier.top(answer.probabilities, TOP)

    return call


def bare(backbone: Backbone, settings: Settings, content: bytes) -> dict[str, Call]:
    """The parts of a prediction: decode, resize, interpreter."""
    from ai_edge_litert.interpreter import Interpreter

    edge = int(np.ceil(backbone.size / backbone.crop))
    interpreter = Interpreter(
        model_path=str(serving.required(backbone, settings)), num_threads=os.cpu_count()
    )
    interpreter.allocate_tensors()
    input_index = interpreter.get_input_details()[0]["index"]
    outputs = interpreter.get_signature_runner().get_output_details()
    output_index = outputs["probabilities"]["index"]

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
        interpreter.set_tensor(input_index, batch)
        interpreter.invoke()
        return interpreter.get_tensor(output_index)

    return {"decode": decode, "resize": resize, "run": interpret}


def against_parts(photo: Path, settings: Settings, rounds: int) -> dict[str, Figure]:
    """Compare the default backbone with its parts."""
    backbone = backbones.get(backbones.DEFAULT)
    content = photo.read_bytes()
    parts = bare(backbone, settings, content)
    classifier = Classifier.of_backbone(backbone, settings)
    times = interleaved({"whole": classify(classifier, content), **parts}, rounds)
    figures = {f"{backbone.name}: milliseconds to {name}": Figure(times[name]) for name in parts}
    least = sum(times[name] for name in parts)
    return figures | {
        f"{backbone.name}: milliseconds from bytes to labels": Figure(times["whole"]),
        "ratio to the sum of the parts": Figure(times["whole"] / least, at_most=1.3),
    }


def against_keras(photo: Path, settings: Settings, rounds: int) -> dict[str, Figure]:
    """Compare ResNet50 with Keras' `model.predict`."""
    import keras

    backbone = backbones.get(RESNET)
    content = photo.read_bytes()
    classifier = Classifier.of_backbone(backbone, settings)
    model = keras.applications.ResNet50(weights=None)
    batch = classifier.load(content)[np.newaxis].astype(np.float32)
    times = interleaved(
        {
            "tusker": classify(classifier, content),
            "keras": lambda: model.predict(batch, verbose=0),
        },
        rounds,
    )
    return {
        f"{RESNET}: milliseconds from bytes to labels": Figure(times["tusker"]),
        f"{RESNET}: milliseconds of model.predict": Figure(times["keras"]),
        "times faster than model.predict": Figure(times["keras"] / times["tusker"], at_least=3.0),
    }


def against_script(photo: Path, settings: Settings, rounds: int) -> dict[str, Figure]:
    """Compare the command line with the Keras script, each as a process."""

    def process(module: str, *arguments: str) -> Call:
        return lambda: jobs.run(module, *arguments, settings=settings)

    times = interleaved(
        {
            "tusker": process("core", "predict", str(photo)),
            "script": process("benchmarks.script", str(photo)),
        },
        rounds,
        warm_up=1,
    )
    return {
        "process: seconds of Tusker": Figure(times["tusker"] / 1000),
        "process: seconds of the script": Figure(times["script"] / 1000),
        "process: times faster": Figure(times["script"] / times["tusker"], at_least=6.0),
    }


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark and print the medians."""
    parser = argument_parser(__doc__)
    parser.add_argument("--photo", type=Path, help="default: a cut of a photograph of the project")
    parser.add_argument("--rounds", type=int, default=50, help="calls of each in one process")
    parser.add_argument("--processes", type=int, default=5, help="runs of each as a process")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="tusker-") as name:
        folder = Path(name)
        photo = (options.photo or pictures.photographs(folder / "photo", 1)[0]).resolve()
        settings = jobs.new_home(folder / "home")
        # TensorFlow is imported last, so that its threads do not affect the other measurements.
        figures = against_parts(photo, settings, options.rounds)
        figures |= against_script(photo, settings, options.processes)
        jobs.prepare(RESNET, settings, random=True)
        figures |= against_keras(photo, settings, options.rounds)
    return show(figures, as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
