"""The verdict of the load test."""

import json
from dataclasses import replace

import pytest

from benchmarks import load
from benchmarks.crowd import Visits

GOOD = Visits(seconds=[0.5] * 10, took=1.0)
MEMORY = {"one": 170.0, "most": 300.0, "before": 250.0, "after": 260.0}


@pytest.mark.parametrize(
    ("visits", "memory", "passes"),
    [
        (GOOD, {}, True),
        (replace(GOOD, seconds=[0.5] * 9 + [30.0]), {}, False),
        (replace(GOOD, wrong=["3-1.jpg: another's"]), {}, False),
        (replace(GOOD, errors=["visitor 3: gone"]), {}, False),
        (Visits(took=1.0), {}, False),
        (GOOD, {"most": 601.0}, False),
        (GOOD, {"after": 301.0}, False),
    ],
)
def test_slow_wrong_or_large_results_fail(
    visits: Visits, memory: dict, passes: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = load.figures(visits, Visits(), MEMORY | memory, 10, 1.0, 5)
    load.show(figures, as_json=True)
    assert json.loads(capsys.readouterr().out)["pass"] is passes
