"""Batch prediction: seconds from a folder of pictures to a CSV, compared with the bare work.

    python -m benchmarks.batch

The default backbone classifies every picture of a folder and writes a CSV, as
`python -m core predict FOLDER --csv` does, from opening the model to the finished file. The bare
work uses the same number of cores: Pillow decodes and resizes each picture, the LiteRT interpreter
runs on it, and the result is discarded.

The two alternate. Medians are taken of wall-clock time and of CPU time, which other programs on the
machine affect less.
"""

import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image

from benchmarks import jobs, pictures
from benchmarks.report import Figure, argument_parser, show
from core import backbones
from core.archive import sources
from core.backbones import serving
from core.model import batch
from core.model.classifier import on_one_thread
from core.predict import lookup, table
from core.settings import Settings
from core.system.threads import cores

Times = tuple[float, float]


def timed(call: Callable[[], None]) -> Times:
    """Wall-clock and CPU seconds of a call, all threads together."""
    began, used = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - began, time.process_time() - used


def tabulated(folder: Path, out: Path, settings: Settings) -> None:
    """Classify a folder of pictures into a CSV."""
    files = sources.in_folder(folder)
    rows = batch.answers(lambda: lookup.find("", settings, on_one_thread), files)
    with closing(rows), table.open_table(out, "csv") as add:
        for row in filter(None, rows):
            add(row)


def bare(paths: Sequence[Path], settings: Settings) -> None:
    """Decode, resize and run each picture on all cores, and nothing else."""
    from ai_edge_litert.interpreter import Interpreter

    backbone = backbones.get(backbones.DEFAULT)
    model = str(serving.required(backbone, settings))
    edge = int(np.ceil(backbone.size / backbone.crop))
    remaining = iter(paths)
    lock = threading.Lock()

    def work() -> None:
        interpreter = Interpreter(model_path=model, num_threads=1)
        interpreter.allocate_tensors()
        input_index = interpreter.get_input_details()[0]["index"]
        outputs = interpreter.get_signature_runner().get_output_details()
        output_index = outputs["probabilities"]["index"]
        while True:
            with lock:
                path = next(remaining, None)
            if path is None:
                return
            picture: Image.Image = Image.open(path)
            picture.draft("RGB", (edge, edge))
            picture = picture.convert("RGB")
            side = backbone.crop * min(picture.size)
            left, top = (picture.width - side) / 2, (picture.height - side) / 2
            square = (left, top, left + side, top + side)
            fitted = picture.resize((backbone.size,) * 2, Image.Resampling.BICUBIC, box=square)
            interpreter.set_tensor(input_index, np.asarray(fitted, np.float32)[np.newaxis])
            interpreter.invoke()
            interpreter.get_tensor(output_index)

    threads = [threading.Thread(target=work) for _ in range(cores())]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def measured(count: int, rounds: int, scratch: Path, settings: Settings) -> dict[str, Figure]:
    """Measure both in turn; each goes first every other round."""
    folder, out = scratch / "pictures", scratch / "out.csv"
    paths = pictures.photographs(folder, count)
    full = partial(tabulated, folder, out, settings)
    bare_work = partial(bare, paths, settings)
    bare(paths[:8], settings)  # warm-up
    full_times: list[Times] = []
    bare_times: list[Times] = []
    for number in range(rounds):
        turns = [(full_times, full), (bare_times, bare_work)]
        for times, call in turns[:: -1 if number % 2 else 1]:
            times.append(timed(call))
    assert out.read_text().count("\n") == count + 1
    wall, cpu = (
        (median(times[i] for times in full_times), median(times[i] for times in bare_times))
        for i in (0, 1)
    )
    return {
        f"seconds for {count:,} pictures to a CSV": Figure(wall[0]),
        "seconds for the bare work": Figure(wall[1]),
        "pictures per second": Figure(count / wall[0]),
        "ratio to the bare work, wall-clock time": Figure(wall[0] / wall[1], at_most=1.3),
        "ratio to the bare work, CPU time": Figure(cpu[0] / cpu[1], at_most=1.3),
    }


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark and print the medians."""
    parser = argument_parser(__doc__)
    parser.add_argument("--pictures", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="tusker-") as name:
        scratch = Path(name)
        settings = jobs.new_home(scratch / "home")
        figures = measured(options.pictures, options.rounds, scratch, settings)
    return show(figures, as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
