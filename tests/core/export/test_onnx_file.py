"""Every operation of the backbones answers in ONNX as in LiteRT."""

import keras
import numpy as np
import onnxruntime
import pytest
from ai_edge_litert.interpreter import Interpreter
from keras import layers

from core.backbones import serving
from core.export import onnx_file
from core.model.litert_file import LitertFile


def _block(x):
    """What the backbones are made of, on sizes that do not divide by the strides."""
    x = layers.ZeroPadding2D(((2, 1), (1, 2)))(x)
    x = layers.Conv2D(8, 3, strides=2, padding="valid", activation="relu")(x)
    x = layers.DepthwiseConv2D(5, strides=2, padding="same")(x)
    x = layers.ReLU(6.0)(x)
    first = layers.MaxPooling2D(3, strides=1, padding="same")(x)
    second = layers.AveragePooling2D(3, strides=1, padding="same")(x)
    x = layers.Concatenate()([first, second, x])
    squeezed = layers.GlobalAveragePooling2D()(x)
    squeezed = layers.Reshape((1, 1, 24))(squeezed)
    squeezed = layers.Conv2D(24, 1, activation="sigmoid")(squeezed)
    x = layers.Multiply()([x, squeezed])
    x = layers.Add()([layers.Conv2D(24, 3, padding="same")(x), x])
    return layers.Conv2D(16, 3, dilation_rate=2, padding="same", activation="relu")(x)


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    """A LiteRT file with these operations."""
    keras.utils.set_random_seed(0)
    picture = keras.Input((33, 33, 3), name="picture")
    x = layers.Rescaling(1 / 64, offset=-1.5)(picture)
    x = layers.GlobalAveragePooling2D()(_block(x))
    x = layers.Dense(12, activation="relu")(x)
    outputs = {"probabilities": layers.Dense(5, activation="softmax")(x)}
    path = tmp_path_factory.mktemp("litert") / "all.tflite"
    serving.convert(keras.Model(picture, outputs), path, (33, 33, 3))
    return path


def test_each_operation_gives_the_same_output_for_a_batch(converted, tmp_path):
    onnx_file.write(LitertFile(converted), tmp_path / "all.onnx", "A test.", {"labels.txt": "a\n"})
    session = onnxruntime.InferenceSession(tmp_path / "all.onnx")
    pictures = np.random.default_rng(0).uniform(0, 255, (3, 33, 33, 3)).astype(np.float32)
    (probabilities,) = session.run(None, {"picture": pictures})
    signature = Interpreter(str(converted)).get_signature_runner()
    (name,) = signature.get_input_details()
    expected = [signature(**{name: picture[None]})["probabilities"][0] for picture in pictures]
    np.testing.assert_allclose(probabilities, expected, atol=1e-5)
    gaps = np.abs(np.diff([*expected, expected[0]], axis=0)).max(axis=1)
    assert gaps.min() > 1e-4, "they differ by picture, by more than the tolerance"
    assert session.get_modelmeta().custom_metadata_map == {"labels.txt": "a\n"}


def test_an_unknown_operation_is_refused(converted, tmp_path, monkeypatch):
    from ai_edge_litert.schema_py_generated import BuiltinOperator

    monkeypatch.delitem(onnx_file.TRANSLATIONS, BuiltinOperator.MAX_POOL_2D)
    with pytest.raises(LookupError, match=str(BuiltinOperator.MAX_POOL_2D)):
        onnx_file.write(LitertFile(converted), tmp_path / "all.onnx", "", {})
    assert not list(tmp_path.iterdir())
