"""A thousand pictures: from a folder to a table, beside the least that it could take.

    python -m benchmarks.batch

Every picture of a folder is answered by the default backbone and written to a CSV, as
`python -m core predict FOLDER --csv` does it, from opening the model to the finished file. Against
it stands the bare work on as many cores: Pillow decodes a picture and resizes it, the LiteRT
interpreter is called on it, and the answer is thrown away.

Both take turns; medians are taken of the seconds on the clock and of those of the processor,
which other programs on the machine disturb less.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image

from benchmarks import jobs, pictures
from benchmarks.report import Figure, show
from core import backbones
from core.archive import sources
from core.backbones import serving
from core.model import batch
from core.model.classifier import on_one_thread
from core.predict import lookup, table
from core.settings import Settings
from core.system import threads as ahead

Taken = tuple[float, float]


def timed(call: Callable[[], None]) -> Taken:
    """Seconds on the clock and of the processor, all threads together."""
    began, used = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - began, time.process_time() - used


def tabulated(folder: Path, out: Path, settings: Settings) -> None:
    """From a folder to a CSV."""
    found = sources.in_folder(folder)
    rows = batch.answers(lambda: lookup.find("", settings, on_one_thread), found)
    with closing(rows), table.open_table(out, "csv") as add:
        for row in filter(None, rows):
            add(row)


def bare(paths: Sequence[Path], settings: Settings) -> None:
    """Decode, resize, interpreter; on as many cores, with nothing around them."""
    from ai_edge_litert.interpreter import Interpreter

    backbone = backbones.get(backbones.DEFAULT)
    model = str(serving.required(backbone, settings))
    edge = int(np.ceil(backbone.size / backbone.crop))
    waiting = iter(paths)
    taking = threading.Lock()

    def work() -> None:
        interpreter = Interpreter(model_path=model, num_threads=1)
        interpreter.allocate_tensors()
        given = interpreter.get_input_details()[0]["index"]
        wanted = serving.outputs(interpreter)["probabilities"]
        while True:
            with taking:
                path = next(waiting, None)
            if path is None:
                return
            picture = Image.open(path)
            picture.draft("RGB", (edge, edge))
            picture = picture.convert("RGB")
            side = backbone.crop * min(picture.size)
            left, top = (picture.width - side) / 2, (picture.height - side) / 2
            square = (left, top, left + side, top + side)
            fitted = picture.resize((backbone.size,) * 2, Image.Resampling.BICUBIC, box=square)
            interpreter.set_tensor(given, np.asarray(fitted, np.float32)[np.newaxis])
            interpreter.invoke()
            interpreter.get_tensor(wanted)

    threads = [threading.Thread(target=work) for _ in range(ahead.cores())]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def measured(count: int, rounds: int, scratch: Path, settings: Settings) -> dict[str, Figure]:
    """Both in turn, round after round; whoever begins changes."""
    folder, out = scratch / "pictures", scratch / "out.csv"
    paths = pictures.photographs(folder, count)
    whole = lambda: tabulated(folder, out, settings)  # noqa: E731  # beside its counterpart
    least = lambda: bare(paths, settings)  # noqa: E731
    warm = paths[:8]
    bare(warm, settings)
    wholes: list[Taken] = []
    leasts: list[Taken] = []
    for number in range(rounds):
        turns = [(wholes, whole), (leasts, least)]
        for taken, call in turns[:: -1 if number % 2 else 1]:
            taken.append(timed(call))
    assert out.read_text().count("\n") == count + 1
    clock, processor = (
        (median(taken[place] for taken in wholes), median(taken[place] for taken in leasts))
        for place in (0, 1)
    )
    return {
        f"seconds for {count:,} pictures to a CSV": Figure(clock[0]),
        "seconds of the bare work": Figure(clock[1]),
        "pictures a second": Figure(count / clock[0]),
        "to the bare work, on the clock": Figure(clock[0] / clock[1], at_most=1.3),
        "to the bare work, of the processor": Figure(processor[0] / processor[1], at_most=1.3),
    }


def main(arguments: list[str] | None = None) -> int:
    """Measure and print the medians."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="tusker-") as name:
        scratch = Path(name)
        settings = jobs.new_home(scratch / "home")
        figures = measured(asked.pictures, asked.rounds, scratch, settings)
    return show(figures, as_json=asked.json)


if __name__ == "__main__":
    sys.exit(main())
