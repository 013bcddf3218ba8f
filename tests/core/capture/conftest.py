from collections.abc import Callable

import pytest

from core.capture.session import CaptureSession, open_network
from core.model.classifier import Classifier
from core.settings import Settings
from tests.shapes import draw, encoded

Capture = Callable[..., CaptureSession]


@pytest.fixture(scope="session")
def network() -> Classifier:
    """The default backbone, which comes with the repository."""
    return open_network(Settings())


@pytest.fixture
def session(network: Classifier, settings: Settings) -> CaptureSession:
    return CaptureSession(network, settings)


@pytest.fixture
def capture(session: CaptureSession) -> Capture:
    """`show((5, 3), (4,))`: shapes of two classes, in bursts of so many pictures."""

    def fill(*classes: tuple[int, ...]) -> CaptureSession:
        while len(session.classes) < len(classes):
            session.add_class()
        for label, bursts in enumerate(classes):
            for number, count in enumerate(bursts):
                pictures = [encoded(draw(label, 100 * number + i, 160)) for i in range(count)]
                before = session.count
                session.add(session.classes[label].id, pictures, number)
                assert session.count == before + count
        return session

    return fill
