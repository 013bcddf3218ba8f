import keras
import numpy as np
import pytest
import tensorflow as tf

from core.backbones import build, get

SLOW = ("efficientnet-lite0", "mobilenetv2", "resnet50", "inceptionv3", "efficientnetv2b0")
CUT = ["tiny", *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)]


def noise(backbone, count=1):
    shape = (count, backbone.size, backbone.size, 3)
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.float32)


@pytest.mark.parametrize("name", CUT)
def test_a_network_cut_in_two_gives_the_same_features(name):
    backbone = get(name)
    trunk = build.trunk(backbone, "random")
    pictures = noise(backbone)
    expected = np.asarray(trunk(pictures, training=False))
    assert expected.shape[-1] == backbone.embedding
    for stage, end in enumerate(backbone.stages[:-1]):
        top = build.top_model(backbone, stage, trunk)
        assert len(top.inputs) == 1
        if stage < len(backbone.stages) - 3:
            continue
        below = keras.Model(trunk.input, trunk.get_layer(end.layer).output)
        np.testing.assert_allclose(top(below(pictures)), expected, rtol=1e-5, atol=1e-5)


def test_training_the_top_trains_the_trunk():
    backbone = get("tiny")
    trunk = build.trunk(backbone, "random")
    top = build.top_model(backbone, 1, trunk)
    below = [v.numpy() for v in trunk.get_layer("block1_conv").weights]
    above = trunk.get_layer("block2_conv").kernel.numpy()
    optimizer = keras.optimizers.SGD(0.1)

    @tf.function
    def step(activations):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(top(activations, training=False) ** 2)
        variables = top.trainable_variables
        optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    activations = tf.random.stateless_uniform((4, 8, 8, 24), (0, 0))
    losses = [float(step(activations)) for _ in range(5)]
    assert losses[-1] < losses[0]
    assert not np.array_equal(trunk.get_layer("block2_conv").kernel.numpy(), above)
    for variable, before in zip(trunk.get_layer("block1_conv").weights, below, strict=True):
        np.testing.assert_array_equal(variable.numpy(), before)


def test_random_weights_are_the_same_each_time():
    first, second = (build.trunk(get("tiny"), "random").get_weights() for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert all(array.std() > 0 for array in first)


@pytest.mark.parametrize("name", ["tiny", pytest.param("resnet50", marks=pytest.mark.slow)])
def test_a_trunk_can_be_rebuilt_from_its_description(name):
    backbone = get(name)
    trunk = build.trunk(backbone, "random")
    rebuilt = keras.Model.from_config(trunk.get_config())
    rebuilt.set_weights(trunk.get_weights())
    pictures = noise(backbone)
    np.testing.assert_allclose(rebuilt(pictures), trunk(pictures), rtol=1e-5, atol=1e-5)


def test_the_tiny_backbone_agrees_with_its_row():
    model = build.imagenet_classifier(get("tiny"))
    assert model.count_params() == get("tiny").parameters
    assert model.output["embedding"].shape == (None, get("tiny").embedding)
