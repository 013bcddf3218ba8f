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
    ("text", "expected"),
    [
        ("  Roses  ", "Roses"),
        ("two\nlines\tand   gaps", "two lines and gaps"),
        (" \n ", ""),
        ("n" * 500, "n" * NAME_LENGTH),
        ("**פיל** 🐘", "**פיל** 🐘"),
    ],
)
def test_a_name_is_one_line_of_bounded_length(run, text, expected):
    run.annotate(lambda annotations: annotations.named(text))
    assert run.annotations().name == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (("a", " a ", "b"), ("a", "b")),
        (("", "  ", "x\ny"), ("x y",)),
        (("t" * 99, "t" * 98), ("t" * TAG_LENGTH,)),
        (tuple(map(str, range(TAGS + 5))), tuple(map(str, range(TAGS)))),
    ],
)
def test_tags_are_trimmed_and_kept_once_in_their_order(run, text, expected):
    run.annotate(lambda annotations: annotations.tagged(text))
    assert run.annotations().tags == expected


def test_a_change_keeps_the_other_annotations(run):
    fix = Correction(sha256="0" * 64, name="a/1.jpg", label="b")
    run.annotate(lambda annotations: annotations.named("Roses").corrected(fix))
    run.annotate(lambda annotations: annotations.tagged(("keep",)))
    assert run.annotations() == Annotations(name="Roses", tags=("keep",), corrections=(fix,))


def test_the_last_correction_of_a_picture_counts(run):
    first = Correction(sha256="0" * 64, name="a/1.jpg", label="b")
    second = Correction(sha256="1" * 64, name="a/2.jpg", label=None)
    last = first.model_copy(update={"label": "c"})
    for fix in (first, second, last):
        run.annotate(lambda annotations, fix=fix: annotations.corrected(fix))
    assert run.annotations().corrections == (second, last)
    run.annotate(lambda annotations: annotations.without(second.sha256))
    assert run.annotations().corrections == (last,)


def test_concurrent_changes_are_all_kept(run):
    names = [f"tag {number}" for number in range(TAGS)]
    barrier = threading.Barrier(len(names))

    def add(name: str) -> None:
        same_run = Run(run.path)  # as another tab would
        barrier.wait()
        same_run.annotate(lambda annotations: annotations.tagged((*annotations.tags, name)))

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
def test_unreadable_annotations_count_as_none(run, content):
    if content is not None:
        (run.path / filenames.ANNOTATIONS).write_bytes(content)
    assert run.annotations() == Annotations()
    run.annotate(lambda annotations: annotations.named("Roses"))
    assert run.annotations().name == "Roses"
