"""The table of formats: one row a file to take away, with how a program opens it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.model import storage

INT8 = "classifier-int8.tflite"
ONNX = "classifier.onnx"
SAVED_MODEL = "saved_model"


@dataclass(frozen=True)
class Format:
    """A row of the table.

    Attributes:
        file: its name; of a SavedModel, the folder's.
        title: what to call it on the screen.
        meaning: what it is for.
        program: the program that asks it.
        packages: what that program needs, as pip calls it; the one that opens the file comes last.
        imports: its lines that import them.
        opening: its lines that open the file at `path` and return a function.
        exact: whether it must answer as the report does; else it may lose a little accuracy.
        copies: memory that making it takes, in sizes of the network, on top of what is there.
        tensorflow: whether its program needs TensorFlow.
    """

    file: str
    title: str
    meaning: str
    program: str
    packages: tuple[str, ...]
    imports: str
    opening: str
    exact: bool = True
    copies: int = 4
    tensorflow: bool = False


_LITERT = Format(
    storage.LITERT,
    "LiteRT",
    "The whole model for LiteRT: on phones, in browsers and here",
    program="predict.py",
    packages=("numpy", "pillow", "ai-edge-litert"),
    imports="import numpy as np\nfrom ai_edge_litert.interpreter import Interpreter",
    opening=(
        "ask = Interpreter(str(path)).get_signature_runner()\n"
        'return lambda picture: ask(picture=np.float32([picture]))["probabilities"][0]'
    ),
    copies=12,
)

FORMATS = (
    _LITERT,
    replace(
        _LITERT,
        file=INT8,
        title="LiteRT int8",
        meaning="The same in whole numbers: a quarter of the size, for small devices",
        exact=False,
        copies=14,
    ),
    Format(
        storage.KERAS,
        "Keras",
        "The whole model for Keras, of plain layers, to train further",
        program="predict_keras.py",
        packages=("numpy", "pillow", "tensorflow", "keras"),
        imports="import keras\nimport numpy as np",
        opening=(
            "model = keras.saving.load_model(path, compile=False, safe_mode=True)\n"
            "return lambda picture: model.predict_on_batch(np.float32([picture]))[0]"
        ),
        tensorflow=True,
    ),
    Format(
        ONNX,
        "ONNX",
        "The whole model for ONNX Runtime: servers, browsers, other languages",
        program="predict_onnx.py",
        packages=("numpy", "pillow", "onnxruntime"),
        imports="import numpy as np\nimport onnxruntime",
        opening=(
            "session = onnxruntime.InferenceSession(path)\n"
            'return lambda picture: session.run(None, {"picture": np.float32([picture])})[0][0]'
        ),
        copies=34,
    ),
    Format(
        SAVED_MODEL,
        "SavedModel",
        "The whole model for TensorFlow Serving and the tools around it",
        program="predict_saved_model.py",
        packages=("numpy", "pillow", "tensorflow"),
        imports="import numpy as np\nimport tensorflow as tf",
        opening=(
            "model = tf.saved_model.load(path)\n"
            'return lambda picture: model.serve(np.float32([picture]))["probabilities"][0].numpy()'
        ),
        tensorflow=True,
    ),
)
