"""The output of every benchmark: a table, or a line of JSON."""

import json

from benchmarks.report import Figure, show

FIGURES = {
    "seconds": Figure(2.5),
    "ratio": Figure(16.0, at_least=15.0),
    "memory": Figure(900.0, at_most=1500.0),
}


def test_json_is_one_line_with_the_figures_and_whether_they_pass(capsys):
    assert show(FIGURES, as_json=True, notes=["Told."]) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    line = json.loads(out)
    assert line["pass"] is True
    assert line["notes"] == ["Told."]
    assert line["figures"]["ratio"] == {"measured": 16.0, "at_least": 15.0, "at_most": None}


def test_one_figure_out_of_bounds_fails_the_benchmark(capsys):
    assert show(FIGURES | {"speed": Figure(2.0, at_least=3.0)}, as_json=True) == 1
    assert json.loads(capsys.readouterr().out)["pass"] is False


def test_the_table_shows_bounds_and_failures(capsys):
    show(FIGURES | {"speed": Figure(2.0, at_least=3.0)}, as_json=False, notes=["Told."])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["seconds", "2.5"]
    assert "required: at most 1500" in lines[2]
    assert "failed" in lines[3]
    assert lines[4] == "Told."


def test_a_value_that_was_never_reached_fails_its_bound(capsys):
    assert not Figure(None, at_least=1.0).within_bounds
    assert Figure(None).within_bounds
    show({"sooner": Figure(None, at_least=12.0)}, as_json=False)
    assert "never" in capsys.readouterr().out
