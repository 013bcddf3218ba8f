"""The benchmark of hostile input: what counts as harm, and that its worst pictures are allowed."""

from pathlib import Path

from benchmarks import hostile
from core import images
from core.settings import Settings

PIXELS = 40_000


def trial(outcome: str, *, escaped: bool = False, seconds: float = 0.1) -> dict[str, object]:
    return {"outcome": outcome, "escaped": escaped, "seconds": seconds, "megabytes": 5.0}


def test_crashes_escapes_and_the_end_of_the_process_are_harm() -> None:
    trials = [
        trial("refused: Not a zip."),
        trial("accepted", seconds=3),
        trial("crash: MemoryError"),
        trial("refused: Not a zip.", escaped=True),
    ]
    figures = hostile.count_trials("archives", trials, crashed=True)
    assert figures["archives tried"].value == 4
    assert figures["archives accepted"].within_bounds
    assert figures["archives that did harm"].value == 3
    assert not figures["archives that did harm"].within_bounds
    assert not figures["archives, slowest, CPU seconds"].within_bounds


def test_no_bundle_may_be_accepted() -> None:
    figures = hostile.count_trials("bundles", [trial("accepted")], crashed=False)
    assert not figures["bundles accepted"].within_bounds


def test_the_largest_pictures_are_within_the_limits(tmp_path: Path) -> None:
    limits = Settings(picture_pixels=PIXELS)
    for name, content in hostile.worst_pictures(tmp_path, PIXELS):
        assert images.decode(content, limits=limits).shape[2] == 3, name
