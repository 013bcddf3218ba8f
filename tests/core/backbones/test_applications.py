"""Our networks against `keras.applications` itself, with random weights from a local file."""

import h5py
import keras
import numpy as np
import pytest
from keras.src.legacy.saving import legacy_h5_format

from core import images
from core.backbones import build, get, weights
from core.errors import WeightsUnavailable

MODULES = {
    "resnet50": keras.applications.resnet,
    "inceptionv3": keras.applications.inception_v3,
    "mobilenetv2": keras.applications.mobilenet_v2,
    "efficientnetv2b0": keras.applications.efficientnet_v2,
}


def keras_application(name):
    """The network as Keras builds it, with weights that are neither zero nor saturating."""
    backbone = get(name)
    model = getattr(MODULES[name], backbone.recipe.architecture)(weights=None)
    build._randomise(model)
    # Random ResNets answer with huge logits: a softmax of 0s and a 1 would hide differences.
    kernel = model.get_layer("predictions").kernel
    kernel.assign(kernel / (50 if backbone.recipe.scaling == "caffe" else 0.05))
    return model


def save_as_published(model, path):
    """The HDF5 layout of the files that `keras.applications` downloads."""
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, model)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODULES)
def test_our_classifier_predicts_as_keras_applications_does(name, settings, scene):
    backbone = get(name)
    keras_model = keras_application(name)
    path = weights.folder(settings) / backbone.weights.file
    path.parent.mkdir(parents=True)
    save_as_published(keras_model, path)

    picture = images.crop_and_resize(scene, backbone.size, backbone.crop)[np.newaxis].astype(
        np.float32
    )
    expected = keras_model.predict(MODULES[name].preprocess_input(picture.copy()), verbose=0)
    outputs = build.imagenet_classifier(backbone, settings=settings)(picture, training=False)

    assert 0.002 < expected.max() < 0.9, "too flat or too sharp to tell anything"
    difference = np.abs(np.asarray(outputs["probabilities"]) - expected).max()
    print(f"{name}: off by {difference:.1e}, the largest probability is {expected.max():.3f}")
    assert difference <= 1e-4


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name == "mobilenetv2" else pytest.mark.slow)
        for name in MODULES
    ],
)
def test_a_network_agrees_with_its_row_and_has_only_keras_layers(name):
    backbone = get(name)
    model = build.imagenet_classifier(backbone, "random")
    scaling_parameters = 12 if backbone.recipe.scaling == "caffe" else 0
    assert model.count_params() - scaling_parameters == backbone.parameters
    assert model.output["embedding"].shape == (None, backbone.embedding)
    assert model.output["feature_map"].shape[-1] == backbone.embedding
    # Plain layers of Keras, so that a saved model opens without any code of ours.
    assert all(type(layer).__module__.startswith("keras.") for layer in model.layers)
    assert not any(isinstance(layer, keras.layers.Lambda) for layer in model.layers)


def test_a_file_that_is_not_the_weights_is_refused_in_a_sentence(settings):
    path = weights.folder(settings) / get("mobilenetv2").weights.file
    path.parent.mkdir(parents=True)
    path.write_bytes(b"<html>not found</html>")
    with pytest.raises(WeightsUnavailable, match="does not hold the weights of mobilenetv2"):
        build.trunk(get("mobilenetv2"), settings=settings)
