"""Run a program that ships with a model on pictures: python -I run_program.py REQUEST.json

This file imports nothing of Tusker, so anyone who runs the program gets the same results.
"""

import importlib.util
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

REQUEST = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
DECODERS = 2
"""Threads that read pictures while the model answers."""
UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)

specification = importlib.util.spec_from_file_location("program", REQUEST["program"])
assert specification is not None
assert specification.loader is not None
program = importlib.util.module_from_spec(specification)
specification.loader.exec_module(program)


def load(path: str) -> np.ndarray | None:
    """A picture as the program loads it; None if it cannot."""
    try:
        return np.load(path) if path.endswith(".npy") else program.load(path)
    except UNREADABLE:  # a format that Pillow alone cannot read, or a file without its end
        return None


predict = program.load_model(Path(REQUEST["model"]))
indices, probabilities, seconds, verdicts, sizes = [], [], [], [], []
with ThreadPoolExecutor(DECODERS) as threads:
    for index, view in enumerate(threads.map(load, REQUEST["pictures"])):
        if view is not None:
            start = time.perf_counter()
            outputs = predict(view)
            seconds.append(time.perf_counter() - start)
            probabilities.append(outputs["probabilities"][0])
            # A program has these functions if the model can doubt and offers sets.
            verdicts.append(program.verdict(outputs) if hasattr(program, "verdict") else "sure")
            likely = getattr(program, "prediction_set", lambda _: ())(probabilities[-1])
            sizes.append(len(likely))
            indices.append(index)
        print(index + 1, flush=True)
np.savez(
    REQUEST["answers"],
    indices=np.array(indices, int),
    probabilities=probabilities,
    seconds=seconds,
    verdicts=np.array(verdicts, str),
    sizes=np.array(sizes, int),
)
