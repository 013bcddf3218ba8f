"""What a comparison says of its figures, and no more than they show."""

import json

import numpy as np
import pytest

from core.bakeoff import result
from core.bakeoff.result import Candidate, Comparison, Conditions
from core.evaluation.intervals import accuracy_difference, proportion

TERMS = Conditions(seed=0, validation=0.15, test=0.15, crop=0.9, pictures="0" * 64)


def ahead(only_best, only_this, pictures):
    change = np.repeat([1, -1, 0], [only_best, only_this, pictures - only_best - only_this])
    return accuracy_difference(change, np.arange(pictures))


def candidate(name, right, milliseconds, lead=None, pictures=400):
    """`lead`: pictures that only the best, and that only this one, got right."""
    return Candidate(
        backbone=name,
        correct=right,
        accuracy=proportion(right, pictures),
        difference=None if lead is None else ahead(*lead, pictures),
        milliseconds=milliseconds,
        megabytes=18.6,
    )


def comparison(*candidates, **more):
    return Comparison(conditions=TERMS, pictures=400, held_out=70, candidates=candidates, **more)


def test_a_significant_lead_is_stated():
    sentence = comparison(
        candidate("efficientnet-lite2", 360, 8.0),
        candidate("efficientnet-lite0", 320, 4.0, (50, 10)),
    ).sentence
    assert sentence.startswith(
        "EfficientNet-Lite2 was correct most often, on 90.0 % (86–93) of 400 "
    )
    assert sentence.endswith("Chance alone seldom gives such a lead.")


def test_a_lead_within_the_interval_is_no_lead():
    sentence = comparison(
        candidate("efficientnet-lite2", 330, 8.4),
        candidate("efficientnet-lite0", 326, 4.1, (14, 10)),
    ).sentence
    assert "EfficientNet-Lite0 is as good within the margin of error, and faster" in sentence
    assert sentence.endswith(": 4 ms per picture against 8.")


def test_an_equally_good_slower_backbone_is_called_slower():
    sentence = comparison(
        candidate("efficientnet-lite0", 330, 4.1),
        candidate("efficientnet-lite2", 326, 8.4, (14, 10)),
    ).sentence
    assert sentence.endswith("Lite2 is as good within the margin of error, but slower.")


def test_the_fastest_of_equally_good_backbones_is_named():
    sentence = comparison(
        candidate("resnet50", 331, 40.0),
        candidate("efficientnet-lite2", 330, 8.0, (10, 9)),
        candidate("efficientnet-lite0", 329, 4.0, (12, 10)),
        candidate("mobilenetv2", 200, 3.0, (140, 9)),
    ).sentence
    assert "EfficientNet-Lite2 and EfficientNet-Lite0 are as good within the margin" in sentence
    assert sentence.endswith("and EfficientNet-Lite0 is faster: 4 ms per picture against 40.")
    assert "MobileNet" not in sentence


def test_equal_accuracies_are_not_ranked():
    sentence = comparison(
        candidate("efficientnet-lite0", 330, 4.1), candidate("efficientnet-lite2", 330, 4.2, (9, 9))
    ).sentence
    assert "EfficientNet-Lite0 was correct on 82.5 %" in sentence
    assert "slower" not in sentence and "faster" not in sentence


def test_a_single_backbone_is_compared_with_nothing():
    sentence = comparison(candidate("efficientnet-lite0", 330, 4.1)).sentence
    assert sentence.startswith("EfficientNet-Lite0, the only one available, was correct on 82.5 %")


def test_the_table_has_a_line_for_each_backbone_and_ends_with_the_sentence():
    original = comparison(
        candidate("efficientnet-lite0", 330, 4.1),
        candidate("efficientnet-lite2", 326, 8.4, (14, 10)),
        absent=[{"backbone": "resnet50", "why": "Its weights cannot be read."}],
    )
    head, first, second, absent, last = result.table(original)
    assert head.split() == ["backbone", "right", "ms", "per", "picture", "MB"]
    assert first.split()[0] == "efficientnet-lite0" and "4.1" in first and "18.6" in first
    assert second.split()[0] == "efficientnet-lite2"
    assert len(head) == len(first) == len(second)
    assert absent == "resnet50: Its weights cannot be read."
    assert last == original.sentence


def test_a_comparison_is_written_and_read_back(tmp_path):
    original = comparison(candidate("efficientnet-lite0", 330, 4.1))
    assert result.read(tmp_path) is None
    result.write(tmp_path, original)
    assert result.read(tmp_path) == original
    stored = json.loads((tmp_path / result.RESULT).read_bytes())
    assert stored.keys() >= {"terms", "contenders", "absent"}, "as in files of earlier versions"
    assert stored["contenders"][0].keys() >= {"right", "behind"}


@pytest.mark.parametrize("content", [b"", b"{}", b'{"version": 2}', b"\xff"])
def test_an_unreadable_comparison_counts_as_none(tmp_path, content):
    (tmp_path / result.RESULT).write_bytes(content)
    assert result.read(tmp_path) is None
