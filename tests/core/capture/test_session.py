"""What a visitor shows is thinned, learned from at once, and bounded."""

import io

import numpy as np
import pytest
from PIL import Image

from core.capture.session import CaptureSession
from core.errors import BadDataset, BadImage, LimitExceeded
from core.model.classifier import Classifier
from core.settings import Settings
from tests.core.capture.conftest import Capture
from tests.shapes import draw, encoded

SIZE = 160


def _next_frame(picture: Image.Image) -> bytes:
    """The same scene a moment later: with the noise of a camera, and a little brighter."""
    noise = np.random.default_rng(7).normal(6, 5, (*picture.size[::-1], 3))
    pixels = np.asarray(picture, np.float32) + noise
    return encoded(Image.fromarray(pixels.clip(0, 255).astype(np.uint8)))


def test_thirty_pictures_of_two_classes_can_be_learned(capture: Capture) -> None:
    classifier = capture((15,), (15,)).classifier()
    assert classifier is not None
    assert classifier.labels == ("Class 1", "Class 2")
    for label in (0, 1) * 5:
        picture = encoded(draw(label, 999 + label, SIZE))
        assert classifier.answer(classifier.load(picture)).probabilities.argmax() == label


def test_a_head_needs_two_classes(capture: Capture) -> None:
    assert capture((4,), ()).fitted_head() is None
    session = capture((), (4,))
    assert session.fitted_head() is not None
    session.remove_class(session.classes[1].id)
    assert session.fitted_head() is None


def test_a_deleted_picture_no_longer_counts(capture: Capture) -> None:
    session = capture((6,), (6,))
    before, wrong = session.fitted_head(), encoded(draw(1, 50, SIZE))
    session.add(session.classes[0].id, [wrong], 9)
    learned = session.fitted_head()
    assert before is not None and learned is not None
    assert not np.allclose(learned.head.layers[0][0], before.head.layers[0][0])
    session.remove(session.classes[0].pictures[-1].id)
    after = session.fitted_head()
    assert after is not None
    np.testing.assert_array_equal(after.head.layers[0][0], before.head.layers[0][0])


def test_the_accuracy_is_that_on_held_out_bursts(capture: Capture) -> None:
    learned = capture((5,), (5, 5)).fitted_head()
    assert learned is not None
    assert learned.correct is None, "a class was shown in a single burst"
    session = capture((), ())
    session.add(session.classes[0].id, [encoded(draw(0, 500 + i, SIZE)) for i in range(5)], burst=7)
    learned = session.fitted_head()
    assert learned is not None and learned.correct is not None
    assert learned.total == 20
    assert 15 <= learned.correct <= 20


def test_a_near_duplicate_in_its_class_is_left_out(session: CaptureSession) -> None:
    first_class, second_class = session.classes
    scene = draw(0, 1, SIZE)
    moved = draw(0, 2, SIZE)
    session.add(first_class.id, [encoded(scene), _next_frame(scene), encoded(moved)], 1)
    assert (len(first_class.pictures), session.near_duplicates) == (2, 1)
    # Neither in a later burst, or the same view would be learned from and tested on.
    session.add(first_class.id, [_next_frame(scene)], 2)
    assert len(first_class.pictures) == 2
    # Which class it belongs to is for the visitor to say.
    session.add(second_class.id, [_next_frame(scene)], 3)
    assert len(second_class.pictures) == 1


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_pictures_are_stored_in_a_bounded_size(session: CaptureSession, kind: str) -> None:
    large = encoded(draw(0, 1, 375).resize((1_000, 750)), kind)
    session.add(session.classes[0].id, [large], 1)
    (picture,) = session.classes[0].pictures
    stored = Image.open(io.BytesIO(picture.content))
    assert (stored.format, stored.size) == ("JPEG", (853, 640))
    assert session.bytes < 300_000
    small = encoded(draw(1, 1, 200))
    session.add(session.classes[1].id, [small], 1)
    assert session.classes[1].pictures[0].content == small, "a frame stays as it came"
    heavy = encoded(draw(2, 1, 200)) + bytes(2_000_000)
    session.add(session.classes[1].id, [heavy], 2)
    assert session.bytes < 400_000, "what comes with a picture is not kept"


def test_an_unreadable_picture_is_refused_and_those_before_it_stay(
    session: CaptureSession,
) -> None:
    first_class, frame = session.classes[0], encoded(draw(0, 1, SIZE))
    with pytest.raises(BadImage, match="Not a picture"):
        session.add(first_class.id, [frame, frame, b"no picture"], 1)
    assert len(first_class.pictures) == 1
    assert session.near_duplicates == 1, "what was left out before it is counted"


@pytest.mark.parametrize("limit", ["captured_pictures", "captured_megabytes"])
def test_captures_beyond_the_limit_are_refused_with_its_name(
    network: Classifier, limit: str
) -> None:
    allowed = {"captured_pictures": 8, "captured_megabytes": 1}[limit]
    session = CaptureSession(network, Settings(**{limit: allowed}))
    size = {"captured_pictures": SIZE, "captured_megabytes": 640}[limit]
    pictures = [encoded(draw(0, seed, size)) for seed in range(12)]
    with pytest.raises(LimitExceeded, match=f"at most {allowed} .*{Settings.variable(limit)}"):
        session.add(session.classes[0].id, pictures, 1)
    assert 0 < session.count < 12
    if limit == "captured_pictures":
        assert session.count == allowed
    session.clear()
    assert (session.count, session.bytes, len(session.classes)) == (0, 0, 2)


def test_there_are_no_more_classes_than_the_host_allows(network: Classifier) -> None:
    session = CaptureSession(network, Settings(classes=2))
    with pytest.raises(LimitExceeded, match="TUSKER_CLASSES"):
        session.add_class()


@pytest.mark.parametrize(
    "name",
    [
        *("", "  ", "x" * 61, "a/b", "a\\b", "..", ".hidden", "what?", "__MACOSX"),
        *("CON", "prn", "Aux", "nul.txt", "COM1", "lpt9.tar.gz", "Training", "test 2"),
    ],
)
def test_class_names_that_no_folder_can_have_are_refused(
    session: CaptureSession, name: str
) -> None:
    with pytest.raises(BadDataset, match=r"Expected a (different )?name"):
        session.rename(session.classes[0].id, name)
    assert session.classes[0].name == "Class 1"
    with pytest.raises(BadDataset, match="CLASS 2 twice"):
        session.rename(session.classes[0].id, "CLASS 2")


def test_a_class_is_renamed_with_its_pictures_and_new_names_are_free(capture: Capture) -> None:
    session = capture((2,), (2,))
    first = session.classes[0]
    session.rename(first.id, "  my   mug ")
    assert first.name == "my mug"
    assert len(first.pictures) == 2
    assert session.add_class().name == "Class 1"
    session.rename(first.id, "My mug")
    session.rename(first.id, "Console")
    assert first.name == "Console"
    with pytest.raises(BadDataset, match="no longer here"):
        session.rename(-1, "nobody")
