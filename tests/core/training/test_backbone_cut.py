"""Fine-tuning cuts a backbone below everything that it trains."""

import pytest

from core.training import backbone_cut
from core.training.config import parse


@pytest.mark.parametrize(
    ("unfreeze", "stage"),
    [
        ({"stages": 1}, 1),
        ({"stages": 2}, 0),
        ({"layers": 1}, 1),
        ({"layers": 3}, 1),
        ({"layers": 4}, 0),
        ({"layers": 6}, 0),
    ],
    ids=str,
)
def test_the_cut_is_as_high_as_the_trained_layers_allow(
    unfreeze: dict[str, int], stage: int
) -> None:
    assert backbone_cut.cut_stage(parse({"backbone": "tiny", "unfreeze": unfreeze})) == stage


def test_the_share_of_the_work_above_the_cut_grows_with_it() -> None:
    one_stage, two_stages = (
        backbone_cut.trained_share(parse({"backbone": "tiny", "unfreeze": {"stages": stages}}))
        for stages in (1, 2)
    )
    assert one_stage == pytest.approx(1 / 4, abs=0.01)
    assert two_stages == pytest.approx(3 / 4, abs=0.01)
