"""Batch prediction compared with the bare work."""

from benchmarks import batch


def test_both_classify_the_same_pictures(tmp_path, settings):
    figures = batch.measured(count=6, rounds=2, scratch=tmp_path, settings=settings)
    assert (tmp_path / "out.csv").read_text().count("\n") == 7
    assert figures["pictures per second"].value > 0
    for measure in ("wall-clock time", "CPU time"):
        ratio = figures[f"ratio to the bare work, {measure}"]
        assert ratio.at_most == 1.3
        assert ratio.value > 0.3
