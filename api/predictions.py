"""Ask a model about the pictures of a request."""

from __future__ import annotations

from api.answers import Answered, Guess, Heatmap, Unread
from api.question import Given, Parameters
from core.errors import BadImage
from core.model import heatmap
from core.model.classifier import Answer, Classifier


def answered(classifier: Classifier, given: Given, asked: Parameters) -> Answered | Unread:
    """What a model says of one picture, or why it could not be read."""
    try:
        answer = classifier.answer(classifier.load(given.file.read()))
    except BadImage as refusal:
        return Unread(file=given.name, error=str(refusal))
    top = classifier.top(answer.probabilities, asked.top)
    return Answered(
        file=given.name,
        predictions=[Guess(**vars(guess)) for guess in top],
        verdict=classifier.verdict(answer),
        milliseconds=answer.seconds * 1000,
        heatmap=_evidence(classifier, answer, top[0].index) if asked.heatmap else None,
    )


def nothing_read(unread: list[Unread]) -> str:
    """The sentence for a request none of whose pictures could be read."""
    first = unread[0].error
    if len(unread) == 1:
        return first
    return f"None of the {len(unread)} pictures could be read. The first: {first}"


def _evidence(classifier: Classifier, answer: Answer, index: int) -> Heatmap | None:
    try:
        (found,) = classifier.heatmaps(answer, [index])
    except LookupError:
        return None
    return Heatmap(index=index, crop=classifier.crop, rows=heatmap.packed(found).tolist())
