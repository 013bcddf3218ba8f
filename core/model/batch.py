"""Predict on many pictures with all cores, in order, with bounded memory."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from core import images
from core.archive.sources import Source
from core.errors import BadImage
from core.model.classifier import Answer, Classifier, Prediction
from core.model.decision import PredictionSet, Verdict
from core.system import threads

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Row:
    """The prediction for one of many pictures.

    Attributes:
        predictions: most likely first; empty if the picture could not be read.
        verdict: of the first; None if the picture could not be read.
        prediction_set: None for a single class.
        problem: why the picture could not be read; empty if it could.
        notes: what to know about the picture, as by `notes.notes`.
        thumbnail: JPEG bytes of what the model saw, if they were asked for.
    """

    file: str
    predictions: tuple[Prediction, ...] = ()
    verdict: Verdict | None = None
    prediction_set: PredictionSet | None = None
    problem: str = ""
    notes: tuple[str, ...] = ()
    thumbnail: bytes = b""

    @classmethod
    def of(
        cls, file: str, answer: Answer, classifier: Classifier, top: int = 2, thumbnail: bytes = b""
    ) -> "Row":
        """The row of a picture that could be read, with so many predictions."""
        return cls(
            file,
            classifier.top(answer.probabilities, top),
            classifier.verdict(answer),
            classifier.prediction_set(answer),
            notes=answer.notes,
            thumbnail=thumbnail,
        )

    @property
    def outcome(self) -> str:
        """Whether the picture was answered, or why not."""
        if self.verdict is Verdict.SURE:
            return "answered"
        return self.verdict.value if self.verdict else "not readable"


def answers(
    build: Callable[[], Classifier],
    sources: Sequence[Source],
    top: int = 2,
    *,
    thumbnail_edge: int = 0,
) -> Generator[Row | None]:
    """Predict on every picture; one that cannot be read does not stop the others.

    Args:
        build: called once per core.
        top: number of predictions per picture.
        thumbnail_edge: edge in pixels of a thumbnail of each picture; 0 for none.

    Returns:
        One row per source, in order; None for files that are not pictures and have no such name.
    """

    def predict(classifier: Classifier, source: Source) -> Row | None:
        if source.content is None:
            return Row(source.name, problem=source.problem)
        try:
            picture, notes = classifier.read(source.content)
        except BadImage as error:
            return Row(source.name, problem=str(error)) if source.required else None
        answer = replace(classifier.answer(picture), notes=notes)
        small = images.thumbnail(picture, thumbnail_edge) if thumbnail_edge else b""
        return Row.of(source.name, answer, classifier, top, small)

    return map_parallel(build, sources, predict)


def map_parallel(
    build: Callable[[], Classifier],
    items: Sequence[Item],
    predict: Callable[[Classifier, Item], Result],
) -> Generator[Result]:
    """Apply `predict` to every item in parallel, with one classifier per core.

    Args:
        build: called once per core.
        predict: may decode and predict; its exceptions are raised here.

    Yields:
        Results in the order of the items.
    """
    count = max(1, min(threads.cores(), len(items)))
    classifiers = threads.Pool(build() for _ in range(count))

    def run(item: Item) -> Result:
        with classifiers.borrowed() as classifier:
            return predict(classifier, item)

    yield from threads.map_ordered(run, items, threads=count, most=4 * count, name="predict")
