"""Live is a choice on Predict; what it shows is for a browser, and tried in one."""

from collections.abc import Callable

from core.runs import Run
from tests.pages.visitor import Visitor


def test_the_camera_can_be_watched_with_a_backbone_and_with_an_own_model(
    visitor: Visitor, run_in: Callable[..., Run]
) -> None:
    visitor.open().choose("Live")
    assert "Hold something up to the camera." in visitor.reads()
    assert "The answer will appear here." not in visitor.reads()
    visitor.open(run=run_in().id)
    visitor.choose("Live")
    assert "Hold something up to the camera." in visitor.reads()
