"""The table of export formats: one row per file."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from core.errors import BadInput
from core.model import storage
from core.model.storage import ModelFile
from core.system import files

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
        packages: packages that the program needs, by their names on PyPI; the runtime comes last.
        exact: whether its probabilities must match the report; else it may lose some accuracy.
        memory_factor: additional memory that making it takes, in sizes of the network.
    """

    name: str
    file: str
    title: str
    meaning: str
    program: str
    packages: tuple[str, ...]
    exact: bool = True
    memory_factor: int = 4

    @property
    def tensorflow(self) -> bool:
        """Whether its program needs TensorFlow."""
        return "tensorflow" in self.packages


def describe(model: ModelFile) -> tuple[str, dict[str, str]]:
    """The description in an exported file: a sentence for people, and named texts for programs."""
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


_PROGRAM = ("numpy", "pillow", "safetensors")
_LITERT = Format(
    "litert",
    storage.LITERT,
    "LiteRT",
    "The whole model for LiteRT: on phones, in browsers and here",
    program="predict.py",
    packages=(*_PROGRAM, "ai-edge-litert"),
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
        packages=(*_PROGRAM, "tensorflow", "keras"),
    ),
    Format(
        "onnx",
        ONNX,
        "ONNX",
        "The whole model for ONNX Runtime: servers, browsers, other languages",
        program="predict_onnx.py",
        packages=(*_PROGRAM, "onnxruntime"),
    ),
    Format(
        "saved-model",
        SAVED_MODEL,
        "SavedModel",
        "The whole model for TensorFlow Serving and the tools around it",
        program="predict_saved_model.py",
        packages=(*_PROGRAM, "tensorflow"),
    ),
)
"""How a program opens a file is in the template `programs/predict.py.j2`, by `name`."""
TITLES = {form.file: form.title for form in FORMATS}


def size(path: Path) -> int:
    """Bytes of an exported file, or of all files in a SavedModel."""
    return files.size(path) if path.is_dir() else path.stat().st_size


def named(names: Iterable[str]) -> tuple[Format, ...]:
    """The formats with these names, in any case, in the order of the table; all for no name.

    Raises:
        BadInput: there is no such format.
    """
    chosen, all_names = {name.lower() for name in names}, {form.name for form in FORMATS}
    if unknown := sorted(chosen - all_names):
        raise BadInput(
            f"There is no format {unknown[0]!r}. Choose from: {', '.join(sorted(all_names))}."
        )
    return tuple(form for form in FORMATS if form.name in (chosen or all_names))
