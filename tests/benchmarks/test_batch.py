"""Many pictures against the bare work."""

from benchmarks import batch


def test_the_whole_is_compared_with_the_bare_work_on_the_same_pictures(tmp_path, settings):
    figures = batch.measured(count=6, rounds=2, scratch=tmp_path, settings=settings)
    assert (tmp_path / "out.csv").read_text().count("\n") == 7
    assert figures["pictures a second"].value > 0
    for measure in ("on the clock", "of the processor"):
        ratio = figures[f"to the bare work, {measure}"]
        assert ratio.at_most == 1.3
        assert ratio.value > 0.3
