"""Many pictures are asked about on all cores, in order, and not all at once."""

import threading
import time

import pytest

from core.archive.sources import Source
from core.backbones import Backbone
from core.model import batch
from core.model.classifier import on_one_thread
from core.model.decision import Verdict
from core.predict import lookup
from core.settings import Settings
from tests.shapes import draw, encoded

pytestmark = pytest.mark.usefixtures("two_cores")


class StubClassifier:
    """Stands for a classifier; it must not be asked by two threads at a time."""

    def __init__(self):
        self.busy = threading.Lock()

    def ask(self, item):
        assert self.busy.acquire(blocking=False), "two threads at one classifier"
        time.sleep(0.001 * (item % 3))
        self.busy.release()
        return item * item


def running_threads():
    return [t.name for t in threading.enumerate() if t.name.startswith("predict")]


def test_results_come_in_the_order_of_the_items():
    classifiers = []

    def build():
        classifiers.append(StubClassifier())
        return classifiers[-1]

    results = list(batch.map_parallel(build, range(60), StubClassifier.ask))
    assert results == [item * item for item in range(60)]
    assert len(classifiers) == 2
    assert running_threads() == []


def test_only_a_few_items_are_processed_ahead():
    begun = []

    def ask(_, item):
        begun.append(item)
        return item

    results = batch.map_parallel(StubClassifier, range(1000), ask)
    next(results)
    time.sleep(0.1)
    assert len(begun) <= 12
    results.close()
    assert len(begun) <= 14
    assert running_threads() == []


@pytest.mark.parametrize("items", [[], [3]])
def test_there_is_a_classifier_for_few_items(items):
    classifiers = []

    def build():
        classifiers.append(StubClassifier())
        return classifiers[-1]

    assert list(batch.map_parallel(build, items, StubClassifier.ask)) == [9] * len(items)
    assert len(classifiers) == 1


def test_answers_are_in_order_and_a_bad_picture_stops_nothing(
    tiny: Backbone, settings: Settings
) -> None:
    classifiers = []

    def build():
        classifiers.append(lookup.find(tiny.name, settings, on_one_thread))
        return classifiers[-1]

    pictures = [encoded(draw(number % 3, seed=number)) for number in range(20)]
    sources = [Source(f"{number}.jpg", content) for number, content in enumerate(pictures)]
    sources[3] = Source("3.jpg", b"no picture")
    sources[4] = Source("notes.txt", b"no picture", required=False)
    sources[5] = Source("5.jpg", None, "Damaged.")
    rows = list(batch.answers(build, sources, top=3))
    assert rows.pop(4) is None
    assert [row.file for row in rows] == [source.name for source in sources if source.required]
    assert [row.file for row in rows if row.problem] == ["3.jpg", "5.jpg"]
    assert all(row.verdict is None and not row.predictions for row in rows if row.problem)
    classifier = classifiers[0]
    for row in rows:
        if not row.problem:
            answer = classifier.answer(classifier.load(pictures[int(row.file[:-4])]))
            assert row.predictions == classifier.top(answer.probabilities, 3)
            assert row.verdict is Verdict.NOT_SURE, "of 1,000 classes of random weights"
    assert len(classifiers) == 2
    assert running_threads() == []
