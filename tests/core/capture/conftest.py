from collections.abc import Callable

import pytest

from core.capture.session import CaptureSession, open_network
from core.model.classifier import Classifier
from core.settings import Settings
from tests.shapes import draw, encoded

Show = Callable[..., CaptureSession]


@pytest.fixture(scope="session")
def network() -> Classifier:
    """The default backbone, which comes with the repository."""
    return open_network(Settings())


@pytest.fixture
def showing(network: Classifier, settings: Settings) -> CaptureSession:
    return CaptureSession(network, settings)


@pytest.fixture
def show(showing: CaptureSession) -> Show:
    """`show((5, 3), (4,))`: shapes of two classes, in bursts of so many pictures."""

    def fill(*classes: tuple[int, ...]) -> CaptureSession:
        while len(showing.classes) < len(classes):
            showing.add_class()
        for label, bursts in enumerate(classes):
            for number, count in enumerate(bursts):
                pictures = [encoded(draw(label, 100 * number + i, 160)) for i in range(count)]
                before = showing.count
                showing.add(showing.classes[label].id, pictures, number)
                assert showing.count == before + count
        return showing

    return fill
