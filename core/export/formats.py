"""The table of export formats: one row per file, with how a program opens it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from core.errors import BadInput
from core.model import storage
from core.model.storage import ModelFile

LABELS = "labels.txt"
INT8 = "classifier-int8.tflite"
ONNX = "classifier.onnx"
SAVED_MODEL = "saved_model"


@dataclass(frozen=True)
class Format:
    """A row of the table.

    Attributes:
        name: on the command line.
        file: name of the file or, for a SavedModel, of the folder.
        title: name on the screen.
        meaning: what the file is for.
        program: name of the program that predicts with it.
        packages: what that program needs, by their names on PyPI; the runtime comes last.
        imports: lines of the program that import the packages.
        opening: lines of the program that open the file at `path` and return a function from a
            picture to a batch of one of each output, by name: `probabilities` and, but for int8
            and files of earlier versions, `embedding`.
        exact: whether its probabilities must match the report; else it may lose some accuracy.
        memory_factor: additional memory that making it takes, in sizes of the network.
    """

    name: str
    file: str
    title: str
    meaning: str
    program: str
    packages: tuple[str, ...]
    imports: str
    opening: str
    exact: bool = True
    memory_factor: int = 4

    @property
    def tensorflow(self) -> bool:
        """Whether its program needs TensorFlow."""
        return "tensorflow" in self.packages


def describe(model: ModelFile) -> tuple[str, dict[str, str]]:
    """What an exported file says about itself: a sentence for people, files for programs."""
    return (
        f"Takes RGB pictures of {model.size}×{model.size} pixels, 0 to 255; gives the "
        f"probability of each of {len(model.classes)} classes, named in {LABELS} in order.",
        {
            LABELS: labels(model),
            storage.MODEL: model.model_dump_json(exclude={"threshold", "level"}),
        },
    )


def labels(model: ModelFile) -> str:
    """`labels.txt`: one class name per line, in the order of the outputs."""
    return "".join(f"{name}\n" for name in model.classes)


_LITERT = Format(
    "litert",
    storage.LITERT,
    "LiteRT",
    "The whole model for LiteRT: on phones, in browsers and here",
    program="predict.py",
    packages=("numpy", "pillow", "safetensors", "ai-edge-litert"),
    imports="import numpy as np\nfrom ai_edge_litert.interpreter import Interpreter",
    opening=(
        "run = Interpreter(str(path)).get_signature_runner()\n"
        "return lambda picture: run(picture=np.float32([picture]))"
    ),
)

FORMATS = (
    _LITERT,
    replace(
        _LITERT,
        name="int8",
        file=INT8,
        title="LiteRT int8",
        meaning="The same in whole numbers: a quarter of the size, for small devices",
        exact=False,
        memory_factor=14,
    ),
    Format(
        "keras",
        storage.KERAS,
        "Keras",
        "The whole model for Keras, of plain layers, to train further",
        program="predict_keras.py",
        packages=("numpy", "pillow", "safetensors", "tensorflow", "keras"),
        imports="import keras\nimport numpy as np",
        opening=(
            "model = keras.saving.load_model(path, compile=False, safe_mode=True)\n"
            'names = ("probabilities", "embedding")\n'
            "outputs = {name: model.get_layer(name).output for name in names}\n"
            "network = keras.Model(model.input, outputs)\n"
            "return lambda picture: network.predict_on_batch(np.float32([picture]))"
        ),
    ),
    Format(
        "onnx",
        ONNX,
        "ONNX",
        "The whole model for ONNX Runtime: servers, browsers, other languages",
        program="predict_onnx.py",
        packages=("numpy", "pillow", "safetensors", "onnxruntime"),
        imports="import numpy as np\nimport onnxruntime",
        opening=(
            "session = onnxruntime.InferenceSession(path)\n"
            "names = [output.name for output in session.get_outputs()]\n"
            "\n"
            "def predict(picture: np.ndarray) -> dict[str, np.ndarray]:\n"
            '    return dict(zip(names, session.run(names, {"picture": np.float32([picture])})))\n'
            "\n"
            "return predict"
        ),
    ),
    Format(
        "saved-model",
        SAVED_MODEL,
        "SavedModel",
        "The whole model for TensorFlow Serving and the tools around it",
        program="predict_saved_model.py",
        packages=("numpy", "pillow", "safetensors", "tensorflow"),
        imports="import numpy as np\nimport tensorflow as tf",
        opening=(
            "model = tf.saved_model.load(path)\n"
            "\n"
            "def predict(picture: np.ndarray) -> dict[str, np.ndarray]:\n"
            "    outputs = model.serve(np.float32([picture]))\n"
            "    return {name: output.numpy() for name, output in outputs.items()}\n"
            "\n"
            "return predict"
        ),
    ),
)


def named(names: Iterable[str]) -> tuple[Format, ...]:
    """The formats with these names, in the order of the table; all of them for no name.

    Raises:
        BadInput: there is no such format.
    """
    chosen, known = set(names), {form.name for form in FORMATS}
    if unknown := sorted(chosen - known):
        raise BadInput(
            f"There is no format {unknown[0]!r}. Choose from: {', '.join(sorted(known))}."
        )
    return tuple(form for form in FORMATS if form.name in (chosen or known))
