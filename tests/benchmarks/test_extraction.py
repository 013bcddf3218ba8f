"""Feature extraction compared with the bound of its parts."""

import json

import pytest

from benchmarks import extraction
from benchmarks.extraction import Round


def test_decoding_and_forward_pass_share_the_cores():
    assert Round(decoded=300.0, forward=100.0, extracted=60.0).bound == pytest.approx(75.0)


def test_the_share_is_the_median_of_the_rounds():
    rounds = [Round(300.0, 100.0, rate) for rate in (75.0, 10.0, 66.0)]
    figures = extraction.figures(rounds)
    assert figures["share of the bound"].value == pytest.approx(0.88)
    assert figures["share of the bound"].within_bounds


def test_the_output_is_one_line_of_json(capsys):
    extraction.main(["--pictures", "4", "--rounds", "1", "--json"])
    line = json.loads(capsys.readouterr().out)
    assert all(figure["measured"] > 0 for figure in line["figures"].values())
    assert isinstance(line["pass"], bool)
