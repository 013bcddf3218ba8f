"""What the owner of a run adds: tidy, safe from other tabs, and no reason to lose the run."""

import threading

import pytest

from core.runs import filenames
from core.runs.annotations import NAME_LENGTH, TAG_LENGTH, TAGS, Annotations, Correction
from core.runs.run import Run


@pytest.fixture
def run(tmp_path):
    """A folder in which nothing has been annotated."""
    return Run(tmp_path)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("  Roses  ", "Roses"),
        ("two\nlines\tand   gaps", "two lines and gaps"),
        (" \n ", ""),
        ("n" * 500, "n" * NAME_LENGTH),
        ("**פיל** 🐘", "**פיל** 🐘"),
    ],
)
def test_a_name_is_one_line_of_bounded_length(run, given, kept):
    run.annotate(lambda said: said.named(given))
    assert run.annotations().name == kept


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (("a", " a ", "b"), ("a", "b")),
        (("", "  ", "x\ny"), ("x y",)),
        (("t" * 99, "t" * 98), ("t" * TAG_LENGTH,)),
        (tuple(map(str, range(TAGS + 5))), tuple(map(str, range(TAGS)))),
    ],
)
def test_tags_are_trimmed_and_kept_once_in_their_order(run, given, kept):
    run.annotate(lambda said: said.tagged(given))
    assert run.annotations().tags == kept


def test_one_thing_is_changed_and_the_others_stay(run):
    fix = Correction(sha256="0" * 64, name="a/1.jpg", label="b")
    run.annotate(lambda said: said.named("Roses").corrected(fix))
    run.annotate(lambda said: said.tagged(("keep",)))
    assert run.annotations() == Annotations(name="Roses", tags=("keep",), corrections=(fix,))


def test_of_two_corrections_of_a_picture_the_last_counts(run):
    first = Correction(sha256="0" * 64, name="a/1.jpg", label="b")
    other = Correction(sha256="1" * 64, name="a/2.jpg", label=None)
    last = first.model_copy(update={"label": "c"})
    for fix in (first, other, last):
        run.annotate(lambda said, fix=fix: said.corrected(fix))
    assert run.annotations().corrections == (other, last)
    run.annotate(lambda said: said.without(other.sha256))
    assert run.annotations().corrections == (last,)


def test_of_many_who_write_at_once_nobody_loses_anything(run):
    names = [f"tag {number}" for number in range(TAGS)]
    together = threading.Barrier(len(names))

    def add(name: str) -> None:
        mine = Run(run.path)  # as another tab would
        together.wait()
        mine.annotate(lambda said: said.tagged((*said.tags, name)))

    tabs = [threading.Thread(target=add, args=(name,)) for name in names]
    for tab in tabs:
        tab.start()
    for tab in tabs:
        tab.join()
    assert set(run.annotations().tags) == set(names)


@pytest.mark.parametrize(
    "content",
    [None, b"", b"{", b"\xff", b"[]", b'{"name": 3}', b'{"unknown": 1}', b'{"threshold": 7}'],
)
def test_what_cannot_be_read_is_as_if_nothing_had_been_added(run, content):
    if content is not None:
        (run.path / filenames.ANNOTATIONS).write_bytes(content)
    assert run.annotations() == Annotations()
    run.annotate(lambda said: said.named("Roses"))
    assert run.annotations().name == "Roses"
