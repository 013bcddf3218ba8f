"""Run programs that ship with a model on pictures: python -I run_program.py REQUEST.json

This file imports nothing of Tusker, so anyone who runs the programs gets the same results.
"""

import json
import runpy
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

REQUEST = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
DECODERS = 2
"""Threads that read pictures while the model answers."""
UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)


def answer(program: dict[str, Any], model: str, answers: str, pictures_before: int) -> None:
    """Write the answers to all pictures that the program can read to a file.

    Args:
        pictures_before: number of pictures that earlier programs were run on, for the progress.
    """

    def load(path: str) -> np.ndarray | None:
        try:
            return program["load"](path)
        except UNREADABLE:  # a format that Pillow alone cannot read, or a file without its end
            return None

    predict = program["load_model"](Path(model))
    indices, probabilities, scores, seconds, verdicts, sizes = [], [], [], [], [], []
    with ThreadPoolExecutor(DECODERS) as threads:
        for index, view in enumerate(threads.map(load, REQUEST["pictures"])):
            if view is not None:
                start = time.perf_counter()
                outputs = predict(view)
                seconds.append(time.perf_counter() - start)
                probabilities.append(outputs["probabilities"][0])
                # A program has these functions if the model can doubt and offers sets.
                scored = "ood_score" in program and "embedding" in outputs
                scores.append(program["ood_score"](outputs["embedding"][0]) if scored else np.nan)
                verdicts.append(program.get("verdict", lambda _: "sure")(outputs))
                sizes.append(len(program.get("prediction_set", lambda _: ())(probabilities[-1])))
                indices.append(index)
            print(pictures_before + index + 1, flush=True)
    np.savez(
        answers,
        indices=indices,
        probabilities=probabilities,
        ood_scores=scores,
        seconds=seconds,
        verdicts=np.array(verdicts, str),
        sizes=np.array(sizes, int),
    )


for number, task in enumerate(REQUEST["tasks"]):
    try:
        pictures_before = number * len(REQUEST["pictures"])
        answer(runpy.run_path(task["program"]), task["model"], task["answers"], pictures_before)
    except Exception:  # one file must not keep the others from being verified
        traceback.print_exc()
