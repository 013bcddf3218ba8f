"""The load test with a few visitors: each gets the predictions for their own pictures."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import crowd, load, pictures
from benchmarks.crowd import Expected, Visits
from core import backbones
from core.model.classifier import Classifier
from core.settings import Settings
from tests.browser.server import ROOT, Server, start

SESSIONS, PREDICTIONS = 5, 2


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """One photograph per prediction."""
    folder = tmp_path_factory.mktemp("photos")
    return [path.read_bytes() for path in pictures.photographs(folder, SESSIONS * PREDICTIONS)]


@pytest.fixture(scope="module")
def expected_predictions(contents: list[bytes]) -> dict[bytes, Expected]:
    classifier = Classifier.of_backbone(backbones.get(backbones.DEFAULT), Settings())
    return crowd.serial_predictions(classifier, contents)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("host") / "home"
    with start(home, app=ROOT / "server.py", TUSKER_MODE="public") as running:
        yield running


def test_concurrent_visitors_get_the_predictions_for_their_own_pictures(
    host: Server, contents: list[bytes], expected_predictions: dict[bytes, Expected]
) -> None:
    shares = [contents[number::SESSIONS] for number in range(SESSIONS)]
    with crowd.record_memory(host) as megabytes:
        visits = crowd.predict_at_once(host, shares, expected_predictions)
    assert (visits.errors, visits.wrong) == ([], [])
    assert len(visits.seconds) == len(contents)
    assert 0 < (visits.percentile(50) or 0) <= (visits.percentile(95) or 0)
    assert 50 < max(megabytes) < 600


def test_a_wrong_prediction_is_detected(
    host: Server, contents: list[bytes], expected_predictions: dict[bytes, Expected]
) -> None:
    first, second = contents[:2]
    swapped = {first: expected_predictions[second], second: expected_predictions[first]}
    assert len(crowd.visit_in_turn(host, 2, (first, second), swapped).wrong) == 2
    near = replace(
        expected_predictions[first],
        probabilities=tuple(p + 0.01 for p in expected_predictions[first].probabilities),
    )
    assert len(crowd.visit_in_turn(host, 1, [first], {first: near}).wrong) == 1


def test_a_refused_picture_and_a_lost_connection_are_detected(
    host: Server, expected_predictions: dict[bytes, Expected]
) -> None:
    picture, expected = b"no picture", next(iter(expected_predictions.values()))
    (wrong,) = crowd.visit_in_turn(host, 1, [picture], {picture: expected}).wrong
    assert "error" in wrong
    unreachable = Server("http://127.0.0.1:9", Path(), Path(), host.process)
    assert len(crowd.predict_at_once(unreachable, [[b"", b""]], expected_predictions).errors) == 1


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
