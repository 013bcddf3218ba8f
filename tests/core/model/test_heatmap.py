"""Where a model looked: the maps themselves, those a run keeps, and how they are shown."""

import zipfile

import numpy as np
import pytest

from core.model import heatmap
from core.model.classifier import Classifier
from tests.core.heads import random_head
from tests.core.trainings import import_dataset, tiny_config, train
from tests.shapes import draw, encoded

H, W, D, CLASSES = 4, 5, 12, 3


@pytest.fixture
def feature_map():
    return np.random.default_rng(7).uniform(0, 2, (H, W, D)).astype(np.float32)


@pytest.mark.parametrize("depths", [0, 4])
@pytest.mark.parametrize("hidden", [(), (10,), (16, 8)], ids=str)
def test_a_map_weighs_features_by_the_gradient_of_each_requested_class(feature_map, hidden, depths):
    head = random_head(D + depths, *hidden, CLASSES, dtype="float64")
    others = np.random.default_rng(0).normal(size=depths)
    embedding = np.concatenate([feature_map.mean((0, 1), dtype=float), others])
    labels, step = [2, 0, 2], 1e-6
    maps = heatmap.class_maps(feature_map, head, labels, embedding)
    assert (maps.shape, maps.dtype) == ((3, H, W), np.float32)
    for index in np.ndindex(H, W):  # a derivative, times the value: the map's share of the logit
        moved = embedding.copy()
        moved[:D] += step * feature_map[index]
        change = (head.logits(moved[None]) - head.logits(embedding[None]))[0] / step
        np.testing.assert_allclose(maps[:, *index], change[labels], rtol=1e-3, atol=1e-3)


def test_packed_maps_share_one_scale_and_omit_negative_evidence():
    maps = np.array([[[0.5, -3.0]], [[2.0, 1.0]]], np.float32)
    np.testing.assert_array_equal(heatmap.to_uint8(maps), [[[64, 0]], [[255, 128]]])
    assert heatmap.to_uint8(maps).dtype == np.uint8
    assert not heatmap.to_uint8(-np.abs(maps)).any()


def check_saved_maps(trained):
    """Compare the maps that a run keeps with those of the pictures; give what it said of them."""
    classifier = trained.run.classifier(trained.settings)
    saved_maps, examples = trained.run.heatmaps(), trained.run.dataset().of("test")
    assert (saved_maps.shape, saved_maps.dtype) == ((len(examples), 2, 4, 4), np.uint8)
    predicted = []
    for maps, example in zip(saved_maps, examples, strict=True):
        answer = classifier.answer(classifier.load(trained.pictures / example.path))
        predicted.append(int(answer.probabilities.argmax()))
        expected = heatmap.to_uint8(classifier.heatmaps(answer, (predicted[-1], example.label)))
        np.testing.assert_allclose(maps.astype(int), expected, atol=1)
    return np.array(predicted), np.array([example.label for example in examples])


@pytest.mark.parametrize("preset", ["quick", "best"])
def test_a_run_keeps_the_maps_that_its_pictures_have(trained_run, preset):
    check_saved_maps(trained_run(preset))


def test_a_mistake_has_the_map_of_the_predicted_class_before_that_of_the_actual_one(
    tiny, settings, tmp_path
):
    twins = tmp_path / "twins.zip"
    with zipfile.ZipFile(twins, "w") as archive:
        for label, name in enumerate(("one", "other")):
            for number in range(32):
                content = encoded(draw(0, 100 * label + number))
                archive.writestr(f"{name}/{number}.jpg", content)
    dataset = import_dataset(tmp_path / "taken", twins)
    trained = train(dataset, tiny_config("quick"), tmp_path / "run", settings)
    predicted, true = check_saved_maps(trained)
    assert (predicted != true).any(), "nothing was mistaken"


def test_a_backbone_explains_its_own_classes_too(tiny, settings):
    classifier = Classifier.of_backbone(tiny, settings)
    answer = classifier.answer(classifier.load(encoded(draw(0))))
    labels = [guess.index for guess in classifier.top(answer.probabilities, 5)]
    maps = classifier.heatmaps(answer, labels)
    assert maps.shape == (5, 4, 4)
    # Of a linear head, the means differ from the logits by the bias alone.
    _, bias = classifier.model.head.layers[0]
    logits = maps.mean(axis=(1, 2)) + bias[labels]
    probabilities = answer.probabilities[labels]
    np.testing.assert_allclose(
        np.exp(logits - logits[0]), probabilities / probabilities[0], rtol=1e-4
    )


def noise(height, width):
    return np.random.default_rng(3).integers(0, 256, (height, width, 3)).astype(np.uint8)


def hot(row, column, size=7):
    heat = np.zeros((size, size), np.uint8)
    heat[row, column] = 255
    return heat


def test_only_the_part_outside_the_crop_is_dimmed():
    picture = noise(100, 160)
    overlaid = heatmap.overlay(picture, hot(0, 0), crop=0.8, strength=1)
    outside = np.ones((100, 160), bool)
    outside[10:90, 40:120] = False
    expected = np.round(heatmap.DIMMED * picture[outside])
    np.testing.assert_allclose(overlaid[outside], expected, atol=1)
    # The hot corner of the map is the corner of the square, not of the picture.
    changed = (overlaid != picture).any(axis=2) & ~outside
    rows, columns = np.nonzero(changed)
    assert (rows.min(), columns.min()) == (10, 40)
    assert rows.max() < 10 + 80 * 2.5 / 7
    assert columns.max() < 40 + 80 * 2.5 / 7


def test_pixels_without_evidence_do_not_change():
    picture = noise(120, 120)
    nothing = np.zeros((7, 7), np.uint8)
    np.testing.assert_array_equal(heatmap.overlay(picture, nothing, crop=1.0, strength=1), picture)
    np.testing.assert_array_equal(
        heatmap.overlay(picture, hot(3, 3), crop=1.0, strength=0), picture
    )
    overlaid = heatmap.overlay(picture, hot(0, 3), crop=1.0, strength=1)
    np.testing.assert_array_equal(overlaid[60:], picture[60:])
    assert (overlaid[:10, 55:65] != picture[:10, 55:65]).any(axis=2).mean() > 0.9


def lightness(colours):
    """Relative luminance of sRGB 0–255, the same to every kind of sight but for its shape."""
    share = np.asarray(colours, float) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def test_more_evidence_is_always_lighter():
    black = np.zeros((8, 8, 3), np.uint8)
    shades = [
        heatmap.overlay(black, np.full((2, 2), level, np.uint8), crop=1.0, strength=0.9)[4, 4]
        for level in range(0, 256, 8)
    ]
    assert (np.diff(lightness(shades)) > 0).all()
    most = np.full((2, 2), 255, np.uint8)
    covered = heatmap.overlay(noise(8, 8), most, crop=1.0, strength=1)
    np.testing.assert_array_equal(covered[4, 4], list(bytes.fromhex(heatmap.RAMP[-1][1:])))


@pytest.mark.parametrize("shape", [(1, 1), (1, 90), (160, 40), (107, 160)], ids=str)
def test_an_overlay_has_the_shape_of_its_picture(shape):
    picture = noise(*shape)
    before = picture.copy()
    overlaid = heatmap.overlay(picture, hot(1, 1, size=4), crop=0.4, strength=0.6)
    assert (overlaid.shape, overlaid.dtype) == (picture.shape, np.uint8)
    np.testing.assert_array_equal(picture, before)
