"""A LiteRT file is cut at any stage, and takes retrained weights, without a new conversion."""

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from keras import layers

from core import images
from core.backbones import build, get, serving
from core.model.litert_file import LitertFile
from core.model.retrained import Retrained
from tests.core.heads import random_head

TINY, LITE0 = get("tiny"), get("efficientnet-lite0")
OTHERS = ("resnet50", "inceptionv3", "mobilenetv2", "efficientnetv2b0")


def run(path, picture):
    """Name → output for one picture (size, size, 3)."""
    runner = Interpreter(model_path=str(path), num_threads=2).get_signature_runner()
    (argument,) = runner.get_input_details()
    outputs = runner(**{argument: picture[np.newaxis].astype(np.float32)})
    return {name: output[0] for name, output in outputs.items()}


def assert_agrees(actual, expected, tolerance=1e-4):
    scale = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(actual, expected, atol=tolerance * scale, rtol=0)


def noise(size):
    return np.random.default_rng(0).integers(0, 256, (size, size, 3)).astype(np.uint8)


def retrain_randomly(model):
    """Change every convolution of a model, and say how. What is zero stays so."""
    random = np.random.default_rng(1)
    changed = []
    for layer in model.layers:
        if not isinstance(layer, layers.Conv2D | layers.DepthwiseConv2D):
            continue
        before = layer.get_weights()
        after = [
            (part + 0.2 * part.std() * random.normal(size=part.shape) * (part != 0)).astype("f4")
            for part in before
        ]
        layer.set_weights(after)
        depthwise = isinstance(layer, layers.DepthwiseConv2D)
        (kernel, *bias), (new_kernel, *new_bias) = before, after
        changed.append(Retrained(kernel, new_kernel, depthwise, *bias, *new_bias))
    return changed


@pytest.fixture(scope="module")
def tiny_file(tmp_path_factory):
    from core.settings import Settings

    return serving.prepare(TINY, Settings(home=tmp_path_factory.mktemp("home")))


@pytest.fixture
def network(request, tiny_file, settings):
    """A backbone and its serving model."""
    path = tiny_file if request.param is TINY else serving.required(request.param, settings)
    return request.param, path


@pytest.fixture
def trunk(network, settings):
    """The trunk of that backbone in Keras."""
    return build.trunk(network[0], settings=settings)


BOTH = pytest.mark.parametrize("network", [TINY, LITE0], ids=lambda row: row.name, indirect=True)


def expose_stages(path, backbone, into):
    """The file with the end of every stage as an output; that of the last is its feature map."""
    file = LitertFile(path)
    inside = {stage.name: file.output_of(stage.layer) for stage in backbone.stages[:-1]}
    file.keep("embedding", "feature_map", inside=inside)
    file.write(into)
    return into


def check_stages(path, backbone, trunk, picture, into):
    outputs = run(expose_stages(path, backbone, into), picture)
    ends = {stage.name: trunk.get_layer(stage.layer).output for stage in backbone.stages[:-1]}
    ends["feature_map"] = trunk.output
    expected = keras.Model(trunk.input, ends)(picture[None].astype(np.float32), training=False)
    assert set(outputs) == {"embedding", *ends}
    for name in ends:
        assert_agrees(outputs[name], expected[name].numpy()[0])
    assert_agrees(outputs["embedding"], expected["feature_map"].numpy()[0].mean((0, 1)))


def check_retraining(path, backbone, trunk, stage, picture, into):
    before = trunk(picture[None].astype(np.float32), training=False).numpy()[0]
    file = LitertFile(path)
    file.keep("embedding", "feature_map")
    file.retrain(retrain_randomly(build.top_model(backbone, stage, trunk)))
    file.write(into)
    outputs = run(into, picture)
    expected = trunk(picture[None].astype(np.float32), training=False).numpy()[0]
    assert np.abs(expected - before).max() > 0.01 * np.abs(before).max(), "nothing was changed"
    assert_agrees(outputs["feature_map"], expected)
    assert_agrees(outputs["embedding"], expected.mean((0, 1)))


@BOTH
def test_the_output_of_every_stage_equals_that_of_keras(network, trunk, tmp_path, scene):
    backbone, path = network
    picture = images.crop_and_resize(scene, backbone.size)
    check_stages(path, backbone, trunk, picture, tmp_path / "opened.tflite")


@BOTH
def test_unused_outputs_and_their_weights_are_removed(network, tmp_path, scene):
    backbone, path = network
    file = LitertFile(path)
    file.keep("embedding", "feature_map")
    file.write(tmp_path / "kept.tflite")
    top = backbone.embedding * 1000 * 4
    assert path.stat().st_size - (tmp_path / "kept.tflite").stat().st_size > 0.99 * top
    picture = images.crop_and_resize(scene, backbone.size)
    outputs, all_outputs = run(tmp_path / "kept.tflite", picture), run(path, picture)
    assert set(outputs) == {"embedding", "feature_map"}
    for name, value in outputs.items():
        np.testing.assert_array_equal(value, all_outputs[name])


def test_a_file_cut_low_holds_no_weights_from_above(tiny_file, tmp_path):
    sizes = []
    for stage in TINY.stages[:-1]:
        file = LitertFile(tiny_file)
        file.keep(inside={"cut": file.output_of(stage.layer)})
        file.write(tmp_path / "cut.tflite")
        sizes.append((tmp_path / "cut.tflite").stat().st_size)
        assert set(run(tmp_path / "cut.tflite", noise(32))) == {"cut"}
    assert np.diff(sizes) == pytest.approx(9 * 16 * 24 * 4, abs=1500)


def test_a_layer_without_a_tensor_is_not_found(tiny_file):
    file = LitertFile(tiny_file)
    for name in ("block3_relu", "block", "lock1_relu", "probabilities"):
        with pytest.raises(LookupError, match=f"no tensor of layer '{name}'"):
            file.output_of(name)
    with pytest.raises(LookupError):
        file.keep("logits")


@pytest.mark.parametrize(
    ("network", "stage"),
    [(TINY, 0), (TINY, 1), (LITE0, 0), pytest.param(LITE0, 4, marks=pytest.mark.slow)],
    indirect=["network"],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_retrained_layers_equal_those_of_keras(network, trunk, stage, tmp_path, scene):
    backbone, path = network
    picture = images.crop_and_resize(scene, backbone.size)
    check_retraining(path, backbone, trunk, stage, picture, tmp_path / "retrained.tflite")


@BOTH
def test_the_head_read_from_a_file_gives_its_probabilities(network, scene):
    backbone, path = network
    outputs = run(path, images.crop_and_resize(scene, backbone.size))
    head = LitertFile(path).head()
    assert (head.inputs, head.classes) == (backbone.embedding, 1000)
    np.testing.assert_allclose(
        head.probabilities(outputs["embedding"][None])[0], outputs["probabilities"], atol=1e-5
    )


def convert_with_head(path, *above):
    """Write a LiteRT file of 16-pixel pictures with these layers above its embedding."""
    picture = keras.Input((16, 16, 3))
    x = embedding = layers.GlobalAveragePooling2D()(layers.Conv2D(6, 3)(picture))
    for layer in above:
        x = layer(x)
    model = keras.Model(picture, {"embedding": embedding, "probabilities": x})
    build._randomise(model)
    serving.convert(model, path, (16, 16, 3))
    return path


def test_hidden_layers_are_part_of_the_head(tmp_path):
    hidden = layers.Dense(9, activation="relu"), layers.Dense(8, activation="relu", use_bias=False)
    path = convert_with_head(
        tmp_path / "deep.tflite", *hidden, layers.Dense(5, activation="softmax")
    )
    head = LitertFile(path).head()
    assert [kernel.shape for kernel, _ in head.layers] == [(6, 9), (9, 8), (8, 5)]
    for seed in range(3):
        outputs = run(path, np.random.default_rng(seed).normal(0, 3, (16, 16, 3)))
        np.testing.assert_allclose(
            head.probabilities(outputs["embedding"][None])[0], outputs["probabilities"], atol=1e-5
        )


@pytest.mark.parametrize(
    "above",
    [
        [layers.Dense(5, activation="sigmoid")],
        [layers.Dense(8, activation="tanh"), layers.Dense(5, "softmax")],
        [layers.Dense(8), layers.Dense(8, "relu6"), layers.Dense(5, "softmax")],
    ],
    ids=["no softmax", "not only dense", "relu6"],
)
def test_a_head_of_other_layers_than_dense_ones_is_refused(above, tmp_path):
    with pytest.raises(LookupError, match="are not dense"):
        LitertFile(convert_with_head(tmp_path / "other.tflite", *above)).head()


def test_a_file_without_probabilities_has_no_head(tiny_file, tmp_path):
    file = LitertFile(tiny_file)
    file.keep("embedding", "feature_map")
    file.write(tmp_path / "trunk.tflite")
    with pytest.raises(LookupError, match="only the outputs embedding, feature_map"):
        LitertFile(tmp_path / "trunk.tflite").head()


@pytest.fixture(scope="module")
def small():
    """Both kinds of convolution, with and without bias and normalisation, 16-pixel pictures."""
    picture = keras.Input((16, 16, 3))
    x = picture
    for depthwise, bias, normalised in np.ndindex(2, 2, 2):
        how = {"use_bias": bool(bias), "padding": "same"}
        layer = layers.DepthwiseConv2D(3, **how) if depthwise else layers.Conv2D(8, 3, **how)
        x = layer(x)
        if normalised:
            x = layers.BatchNormalization()(x)
        x = layers.ReLU()(x)
    model = keras.Model(picture, {"feature_map": x})
    build._randomise(model)
    return model


@pytest.fixture(scope="module")
def small_file(small, tmp_path_factory):
    path = tmp_path_factory.mktemp("small") / "small.tflite"
    serving.convert(small, path, (16, 16, 3))
    return path


def test_every_kind_of_convolution_can_be_retrained(small, small_file, tmp_path):
    picture = noise(16)
    copy = keras.models.clone_model(small)
    copy.set_weights(small.get_weights())
    changed = retrain_randomly(copy)
    assert {(layer.depthwise, layer.bias is None) for layer in changed} == set(
        zip([False, False, True, True], [False, True] * 2, strict=True)
    )
    file = LitertFile(small_file)
    file.retrain(changed)
    file.write(tmp_path / "retrained.tflite")
    expected = copy(picture[None].astype(np.float32))["feature_map"].numpy()[0]
    feature_map = run(tmp_path / "retrained.tflite", picture)["feature_map"]
    assert_agrees(feature_map, expected)
    assert np.abs(feature_map - run(small_file, picture)["feature_map"]).max() > 1


def test_a_kernel_that_is_not_in_the_file_is_an_error(tiny_file):
    kernel = build.trunk(TINY).get_layer("block2_conv").get_weights()[0]
    file = LitertFile(tiny_file)
    for changed in (np.roll(kernel, 1), kernel[:, :, :-1], kernel + 0.01):
        with pytest.raises(LookupError, match=r"^0 operations can be the layer \(3, 3, 2"):
            file.retrain([Retrained(changed, changed, False)])


def test_a_filter_that_was_dead_and_is_no_longer_is_an_error(small, tmp_path):
    # The factor that normalisation gives it cannot be read off a row of zeros.
    copy = keras.models.clone_model(small)
    copy.set_weights(small.get_weights())
    layer = next(layer for layer in copy.layers if isinstance(layer, layers.DepthwiseConv2D))
    kernel = layer.get_weights()[0]
    dead = kernel * (np.arange(kernel.shape[2]) != 5)[:, None]
    layer.set_weights([dead, *layer.get_weights()[1:]])
    serving.convert(copy, tmp_path / "dead.tflite", (16, 16, 3))
    LitertFile(tmp_path / "dead.tflite").retrain([Retrained(dead, 2 * dead, True)])
    with pytest.raises(LookupError, match="zero filters"):
        LitertFile(tmp_path / "dead.tflite").retrain([Retrained(dead, kernel, True)])


def test_a_kernel_that_is_there_twice_is_an_error(tmp_path):
    picture = keras.Input((16, 16, 3))
    first, second = (layers.Conv2D(3, 3, padding="same", use_bias=False) for _ in range(2))
    model = keras.Model(picture, {"feature_map": second(layers.ReLU()(first(picture)))})
    second.set_weights(first.get_weights())
    serving.convert(model, tmp_path / "twins.tflite", (16, 16, 3))
    kernel = first.get_weights()[0]
    with pytest.raises(LookupError, match=r"^2 operations can be"):
        LitertFile(tmp_path / "twins.tflite").retrain([Retrained(kernel, kernel, False)])


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_every_other_backbone_can_be_cut_and_retrained(name, tmp_path):
    backbone = get(name)
    path = tmp_path / "serving.tflite"
    classifier = build.imagenet_classifier(backbone, "random")
    serving.convert(classifier, path, (backbone.size, backbone.size, 3))
    trunk = keras.Model(classifier.input, classifier.output["feature_map"])
    picture = noise(backbone.size)
    check_stages(path, backbone, trunk, picture, tmp_path / "opened.tflite")
    middle = len(backbone.stages) // 2
    check_retraining(path, backbone, trunk, middle, picture, tmp_path / "retrained.tflite")
    outputs, head = run(path, picture), LitertFile(path).head()
    assert_agrees(head.probabilities(outputs["embedding"][None])[0], outputs["probabilities"], 1e-5)


def test_an_added_head_gives_its_probabilities(tiny_file, tmp_path):
    head = random_head(TINY.embedding, 6, 3)
    with_head = tmp_path / "with_head.tflite"
    file = LitertFile(tiny_file)
    file.add_head(head)
    file.write(with_head)
    picture = noise(TINY.size)
    embedding = run(tiny_file, picture)["embedding"]
    outputs = run(with_head, picture)
    assert set(outputs) == {"probabilities"}
    assert_agrees(outputs["probabilities"], head.probabilities(embedding[None])[0])
    with pytest.raises(LookupError, match="only the outputs probabilities"):
        LitertFile(with_head).add_head(head)
