"""Run a program that ships with a model on pictures: python -I run_program.py REQUEST.json

This file imports nothing of Tusker, so its results are those of anyone who has the program.
"""

import importlib.util
import json
import sys
import time
from pathlib import Path

import numpy as np
from PIL import UnidentifiedImageError

request = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
specification = importlib.util.spec_from_file_location("program", request["program"])
assert specification is not None
assert specification.loader is not None
program = importlib.util.module_from_spec(specification)
specification.loader.exec_module(program)

predict = program.load_model(Path(request["model"]))
indices, probabilities, seconds = [], [], []
for index, path in enumerate(request["pictures"]):
    try:
        view = program.load(path)
    except UnidentifiedImageError:  # a format that Pillow alone cannot read
        continue
    start = time.perf_counter()
    probabilities.append(predict(view))
    seconds.append(time.perf_counter() - start)
    indices.append(index)
    print(index + 1, flush=True)
np.savez(request["answers"], indices=indices, probabilities=probabilities, seconds=seconds)
