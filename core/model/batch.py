"""Ask a model about many pictures on all cores, in order, with bounded memory."""

from __future__ import annotations

import queue
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TypeVar

from core.archive.sources import Source
from core.errors import BadImage
from core.model.classifier import Classifier, Prediction, Verdict
from core.system import threads

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Row:
    """What was said of one of many pictures.

    Attributes:
        file: what the picture is called.
        predictions: the likeliest first; none where it could not be read.
        verdict: what to make of the first; None where it could not be read.
        strangeness: over 1 where the picture is unlike those it was taught; None if not known.
        problem: why it could not be read; empty if it could.
    """

    file: str
    predictions: tuple[Prediction, ...] = ()
    verdict: Verdict | None = None
    ood_score: float | None = None
    problem: str = ""


def answers(
    build: Callable[[], Classifier], sources: Sequence[Source], top: int = 2
) -> Generator[Row | None]:
    """What a model says of every picture; one that cannot be read does not stop the others.

    Args:
        build: makes a classifier; called once a core.
        top: how many guesses are kept of each.

    Yields:
        A row a source, in their order; None for what is neither a picture nor called like one.
    """

    def ask(classifier: Classifier, source: Source) -> Row | None:
        if source.content is None:
            return Row(source.name, problem=source.problem)
        try:
            answer = classifier.answer(classifier.load(source.content))
        except BadImage as refusal:
            return Row(source.name, problem=str(refusal)) if source.required else None
        guesses = classifier.top(answer.probabilities, top)
        return Row(source.name, guesses, classifier.verdict(answer), answer.ood_score)

    with closing(each(build, sources, ask)) as rows:
        yield from rows


def each(
    build: Callable[[], Classifier],
    items: Sequence[Item],
    ask: Callable[[Classifier, Item], Result],
) -> Generator[Result]:
    """Apply `ask` to every item, a core and a classifier of its own each.

    Args:
        build: makes a classifier; called once a core.
        ask: may decode and predict; what it raises is raised here.

    Yields:
        Results in the order of the items.
    """
    count = max(1, min(threads.cores(), len(items)))
    idle: queue.SimpleQueue[Classifier] = queue.SimpleQueue()
    for _ in range(count):
        idle.put(build())

    def one(item: Item) -> Result:
        classifier = idle.get()
        try:
            return ask(classifier, item)
        finally:
            idle.put(classifier)

    yield from threads.map_ordered(one, items, threads=count, most=4 * count, name="predict")
