"""A few visitors at once are each answered as if they were alone."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import crowd, load, pictures
from benchmarks.crowd import Expected, Held
from core import backbones
from core.model.classifier import Classifier
from core.settings import Settings
from tests.browser.server import ROOT, Server, start

SESSIONS, PREDICTIONS = 5, 2


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """A photograph for each answer."""
    folder = tmp_path_factory.mktemp("photos")
    return [path.read_bytes() for path in pictures.photographs(folder, SESSIONS * PREDICTIONS)]


@pytest.fixture(scope="module")
def truth(contents: list[bytes]) -> dict[bytes, Expected]:
    classifier = Classifier.of_backbone(backbones.get(backbones.DEFAULT), Settings())
    return crowd.oracle(classifier, contents)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("host") / "home"
    with start(home, app=ROOT / "server.py", TUSKER_MODE="public") as running:
        yield running


def test_each_of_several_visitors_gets_the_answers_to_their_own_pictures(
    host: Server, contents: list[bytes], truth: dict[bytes, Expected]
) -> None:
    shares = [contents[number::SESSIONS] for number in range(SESSIONS)]
    with crowd.watched(host) as seen:
        held = crowd.hold(host, shares, truth)
    assert (held.errors, held.wrong) == ([], [])
    assert len(held.seconds) == len(contents)
    assert 0 < (held.percentile(50) or 0) <= (held.percentile(95) or 0)
    assert 50 < max(seen) < 600


def test_an_answer_to_anothers_picture_is_noticed(
    host: Server, contents: list[bytes], truth: dict[bytes, Expected]
) -> None:
    first, second = contents[:2]
    swapped = {first: truth[second], second: truth[first]}
    assert len(crowd.come_and_go(host, 2, (first, second), swapped).wrong) == 2
    near = replace(truth[first], probabilities=tuple(p + 0.01 for p in truth[first].probabilities))
    assert len(crowd.come_and_go(host, 1, [first], {first: near}).wrong) == 1


def test_a_picture_that_was_refused_is_a_wrong_answer_and_a_host_that_is_gone_an_error(
    host: Server, truth: dict[bytes, Expected]
) -> None:
    expected = next(iter(truth.values()))
    assert (
        "error" in crowd.come_and_go(host, 1, [b"no picture"], {b"no picture": expected}).wrong[0]
    )
    gone = Server("http://127.0.0.1:9", Path(), Path(), host.process)
    assert len(crowd.hold(gone, [[b"", b""]], truth).errors) == 1


def test_a_crowd_that_was_not_served_does_not_pass(capsys: pytest.CaptureFixture[str]) -> None:
    memory = {"one": 170.0, "most": 300.0, "before": 250.0, "after": 260.0}
    good = Held(seconds=[0.5] * 10, took=1.0)
    for held, passes in (
        (good, True),
        (replace(good, seconds=[0.5] * 9 + [30.0]), False),
        (replace(good, wrong=["3-1.jpg: another's"]), False),
        (replace(good, errors=["visitor 3: gone"]), False),
        (Held(took=1.0), False),
    ):
        figures = load.figures(held, Held(), memory, 10, 1.0, 5)
        load.show(figures, as_json=True)
        assert json.loads(capsys.readouterr().out)["pass"] is passes
    for name, value in (("most", 601.0), ("after", 301.0)):
        assert not all(
            figure.kept
            for figure in load.figures(good, Held(), memory | {name: value}, 10, 1.0, 5).values()
        )
