"""What a visitor shows is thinned, learned from at once, and bounded."""

import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from core.capture.session import CaptureSession
from core.errors import BadDataset, BadImage, LimitExceeded
from core.model.classifier import Classifier
from core.settings import Settings
from tests.core.capture.conftest import Show
from tests.shapes import draw, encoded

SIZE = 160


def _again(picture: Image.Image) -> bytes:
    """The same scene a moment later: with the noise of a camera, and a little brighter."""
    noise = np.random.default_rng(7).normal(6, 5, (*picture.size[::-1], 3))
    pixels = np.asarray(picture, np.float32) + noise
    return encoded(Image.fromarray(pixels.clip(0, 255).astype(np.uint8)))


def test_thirty_pictures_of_two_classes_are_learned_from(show: Show) -> None:
    classifier = show((15,), (15,)).classifier()
    assert classifier is not None
    assert classifier.labels == ("Class 1", "Class 2")
    for label in (0, 1) * 5:
        picture = encoded(draw(label, 999 + label, SIZE))
        assert classifier.answer(classifier.load(picture)).probabilities.argmax() == label


def test_it_begins_to_answer_with_the_second_class_and_stops_without_it(show: Show) -> None:
    assert show((4,), ()).learned() is None
    showing = show((), (4,))
    assert showing.learned() is not None
    showing.remove_class(showing.classes[1].id)
    assert showing.learned() is None


def test_a_deleted_picture_is_unlearned(show: Show) -> None:
    showing = show((6,), (6,))
    before, wrong = showing.learned(), encoded(draw(1, 50, SIZE))
    showing.add(showing.classes[0].id, [wrong], 9)
    learned = showing.learned()
    assert before is not None and learned is not None
    assert not np.allclose(learned.head.layers[0][0], before.head.layers[0][0])
    showing.remove(showing.classes[0].pictures[-1].id)
    after = showing.learned()
    assert after is not None
    np.testing.assert_array_equal(after.head.layers[0][0], before.head.layers[0][0])


def test_how_well_it_does_is_told_of_bursts_it_has_not_seen(show: Show) -> None:
    learned = show((5,), (5, 5)).learned()
    assert learned is not None
    assert learned.correct is None, "a class was shown in a single burst"
    showing = show((), ())
    showing.add(showing.classes[0].id, [encoded(draw(0, 500 + i, SIZE)) for i in range(5)], burst=7)
    learned = showing.learned()
    assert learned is not None and learned.correct is not None
    assert learned.total == 20
    assert 15 <= learned.correct <= 20


def test_a_picture_nearly_the_same_as_one_of_its_class_is_left_out(showing: CaptureSession) -> None:
    one, other = showing.classes
    scene = draw(0, 1, SIZE)
    moved = draw(0, 2, SIZE)
    showing.add(one.id, [encoded(scene), _again(scene), encoded(moved)], 1)
    assert (len(one.pictures), showing.alike) == (2, 1)
    # Neither in a later burst, or the same view would be learned from and tested on.
    showing.add(one.id, [_again(scene)], 2)
    assert len(one.pictures) == 2
    # Which class it belongs to is for the visitor to say.
    showing.add(other.id, [_again(scene)], 3)
    assert len(other.pictures) == 1


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_pictures_are_kept_no_larger_than_a_network_sees(
    showing: CaptureSession, kind: str
) -> None:
    whole = encoded(draw(0, 1, 1_500).resize((2_000, 1_500)), kind)
    showing.add(showing.classes[0].id, [whole], 1)
    (picture,) = showing.classes[0].pictures
    kept = Image.open(io.BytesIO(picture.content))
    assert (kept.format, kept.size) == ("JPEG", (853, 640))
    assert showing.bytes < 300_000
    small = encoded(draw(1, 1, 200))
    showing.add(showing.classes[1].id, [small], 1)
    assert showing.classes[1].pictures[0].content == small, "a frame stays as it came"
    heavy = encoded(draw(2, 1, 200)) + bytes(2_000_000)
    showing.add(showing.classes[1].id, [heavy], 2)
    assert showing.bytes < 400_000, "what comes with a picture is not kept"


def test_what_is_no_picture_is_refused_and_those_before_it_are_kept(
    showing: CaptureSession,
) -> None:
    one, same = showing.classes[0], encoded(draw(0, 1, SIZE))
    with pytest.raises(BadImage, match="Not a picture"):
        showing.add(one.id, [same, same, b"no picture"], 1)
    assert len(one.pictures) == 1
    assert showing.alike == 1, "what was left out before it is counted"


@pytest.mark.parametrize("limit", ["shown_pictures", "shown_megabytes"])
def test_more_than_the_host_allows_is_refused_by_the_name_of_the_limit(
    network: Classifier, limit: str
) -> None:
    most = {"shown_pictures": 8, "shown_megabytes": 1}[limit]
    showing = CaptureSession(network, Settings(**{limit: most}))
    pictures = [encoded(draw(0, seed, 640)) for seed in range(12)]
    with pytest.raises(LimitExceeded, match=f"at most {most} .*{Settings.variable(limit)}"):
        showing.add(showing.classes[0].id, pictures, 1)
    assert 0 < showing.count < 12
    if limit == "shown_pictures":
        assert showing.count == most
    showing.clear()
    assert (showing.count, showing.bytes, len(showing.classes)) == (0, 0, 2)


def test_there_are_no_more_classes_than_the_host_allows(network: Classifier) -> None:
    showing = CaptureSession(network, Settings(classes=2))
    with pytest.raises(LimitExceeded, match="TUSKER_CLASSES"):
        showing.add_class()


@pytest.mark.parametrize(
    "name",
    [
        *("", "  ", "x" * 61, "a/b", "a\\b", "..", ".hidden", "what?", "__MACOSX"),
        *("CON", "prn", "Aux", "nul.txt", "COM1", "lpt9.tar.gz", "Training", "test 2"),
    ],
)
def test_a_class_is_not_called_what_no_folder_can_be(showing: CaptureSession, name: str) -> None:
    with pytest.raises(BadDataset, match=r"Expected a (different )?name"):
        showing.rename(showing.classes[0].id, name)
    assert showing.classes[0].name == "Class 1"
    with pytest.raises(BadDataset, match="CLASS 2 twice"):
        showing.rename(showing.classes[0].id, "CLASS 2")


def test_a_class_is_renamed_with_its_pictures_and_new_names_are_free(show: Show) -> None:
    showing = show((2,), (2,))
    first = showing.classes[0]
    showing.rename(first.id, "  my   mug ")
    assert first.name == "my mug"
    assert len(first.pictures) == 2
    assert showing.add_class().name == "Class 1"
    showing.rename(first.id, "My mug")
    showing.rename(first.id, "Console")
    assert first.name == "Console"
    with pytest.raises(BadDataset, match="no longer here"):
        showing.rename(-1, "nobody")


def test_no_tensorflow_is_needed() -> None:
    program = (
        "import sys; from core.settings import Settings\n"
        "from core.capture.session import open_network as network\n"
        "from core.capture.session import CaptureSession\n"
        "from tests.shapes import draw, encoded\n"
        "s = CaptureSession(network(Settings()), Settings())\n"
        "for label, one in enumerate(s.classes):\n"
        "    s.add(one.id, [encoded(draw(label, i, 160)) for i in range(4)], 1)\n"
        "assert s.learned()\n"
        "print([name for name in ('tensorflow', 'keras', 'sklearn') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
