"""Ask a model about pictures by the program that ships with it: python -I prove.py ORDER.json

It needs nothing of Tusker, so that what it finds is what anyone finds who has the program.
"""

import importlib.util
import json
import sys
import time
from pathlib import Path

import numpy as np
from PIL import UnidentifiedImageError

order = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
specification = importlib.util.spec_from_file_location("program", order["program"])
assert specification is not None
assert specification.loader is not None
program = importlib.util.module_from_spec(specification)
specification.loader.exec_module(program)

ask = program.opened(Path(order["model"]))
asked, answers, seconds = [], [], []
for number, path in enumerate(order["pictures"]):
    try:
        view = program.load(path)
    except UnidentifiedImageError:  # of a kind that takes more than Pillow
        continue
    begun = time.perf_counter()
    answers.append(ask(view))
    seconds.append(time.perf_counter() - begun)
    asked.append(number)
    print(number + 1, flush=True)
np.savez(order["answers"], asked=asked, answers=answers, seconds=seconds)
