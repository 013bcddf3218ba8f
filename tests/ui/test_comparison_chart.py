import json

import pytest

from core.evaluation.intervals import proportion
from ui.charts import comparison, palette

NASTY = "<b>rose</b> & $x^2$ %{y} *thorn*"


def test_a_row_a_run_with_its_interval_and_the_first_filled():
    found = [proportion(30, 40), proportion(36, 40), proportion(20, 40)]
    figure = comparison.accuracies(["A", "B", "C"], found)
    (trace,) = figure.data
    assert list(trace.x) == [75, 90, 50]
    assert list(trace.error_x.array) == [100 * (one.high - one.value) for one in found]
    assert list(trace.error_x.arrayminus) == [100 * (one.value - one.low) for one in found]
    assert list(trace.marker.symbol) == ["circle", "circle-open", "circle-open"]
    assert list(figure.layout.yaxis.ticktext) == ["A", "B", "C"]
    first, *_, last = figure.layout.yaxis.range
    assert first > last, "the first is on top"


@pytest.mark.parametrize("right", [0, 5_000, 9_990, 10_000])
def test_the_axis_holds_every_interval_and_does_not_magnify_a_hair(right):
    found = [proportion(right, 10_000)] * 2
    low, high = comparison.accuracies(["A", "B"], found).layout.xaxis.range
    assert low <= 100 * found[0].low and high >= 100 * found[0].high
    assert high - low > 5


def test_names_are_shown_as_they_stand_without_title_or_background():
    figure = comparison.accuracies([NASTY, "B"], [proportion(1, 2)] * 2)
    figure.update_layout(template=None)
    layout = json.loads(figure.to_json())["layout"]
    assert "title" not in layout
    assert layout["paper_bgcolor"] == layout["plot_bgcolor"] == palette.CLEAR
    for markup in ("<b>rose", "$x", "& "):
        assert markup not in figure.to_json()
