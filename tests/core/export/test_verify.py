"""An exported file may differ from the report by so much and no more."""

import numpy as np
import pytest

from core.export import build, verify
from core.export.formats import named
from core.model import storage


@pytest.mark.parametrize(
    ("pictures", "before", "after", "passed"),
    [
        (10, 8, 7, True),
        (10, 8, 6, False),
        (50, 49, 48, True),
        (50, 49, 47, False),
        (100, 100, 98, True),
        (100, 100, 97, False),
    ],
)
def test_an_int8_file_may_lose_one_picture_in_fifty(trainings, pictures, before, after, passed):
    trained = trainings("quick")
    (int8,) = named(["int8"])
    path, run = trained.run.model_folder / int8.file, trained.run
    saved, _ = storage.load(run.model_folder)
    held_out = build.held_out(run, trained.pictures, trained.settings)
    (result,) = verify.verify({int8: path}, saved, held_out, lambda *_: None)
    assert result.agreement == 1, "so the predictions of the file are known"
    repeated = np.resize(np.arange(len(held_out.paths)), pictures)
    predicted = held_out.probabilities[repeated].argmax(axis=1)
    labels = predicted.copy()
    labels[after:] = (predicted[after:] + 1) % 3
    reported = predicted.copy()
    reported[after:before] = labels[after:before]
    sample = verify.HeldOut(
        tuple(held_out.paths[index] for index in repeated),
        ("JPEG",) * pictures,
        labels,
        np.eye(3, dtype=np.float32)[reported],
    )
    (result,) = verify.verify({int8: path}, saved, sample, lambda *_: None)
    assert result.accuracy == after / pictures
    assert result.passed is passed
