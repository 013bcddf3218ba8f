"""Read the tensors of a legacy PyTorch file without PyTorch and without executing anything."""

import math
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from core.errors import WeightsUnavailable

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
DTYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}
"""Types of the storages in the published EfficientNet-Lite files."""


_View = tuple[str, int, tuple[int, ...], tuple[int, ...]]
"""A tensor: its storage, and its offset, shape and strides there, in elements."""


def read(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a file written by `torch.save` before PyTorch 1.6.

    Such a file is five pickles (magic number, protocol, byte order and sizes, the
    tensors as views on storages, the keys of the storages), then each storage as a
    count (int64) and raw values. Many convolution kernels are stored transposed.

    Returns:
        Name → array, C-contiguous, of the dtype and shape that were saved.

    Raises:
        WeightsUnavailable: the file is missing or damaged, or it names anything but
            tensors and their storages.

    Source: `torch/serialization.py`, `_legacy_save`.
    """
    try:
        with path.open("rb") as file:
            return _read(file)
    except OSError as error:
        reason = error.strerror or type(error).__name__
    except pickle.UnpicklingError as error:
        reason = str(error)
    except Exception as error:  # unpickling damaged bytes may raise anything
        reason = f"it is damaged ({type(error).__name__})"
    raise WeightsUnavailable(
        f"{path.name} cannot be used as a file of PyTorch weights: {reason}. "
        "Install its package again."
    )


def _read(file: BinaryIO) -> dict[str, np.ndarray]:
    magic, protocol, system = (_Unpickler(file).load() for _ in range(3))
    if (magic, protocol) != (MAGIC, PROTOCOL):
        raise pickle.UnpicklingError("it does not begin as one")
    if not system["little_endian"]:
        raise pickle.UnpicklingError("it was written on a big-endian machine")
    tensors = _Unpickler(file)
    views: dict[str, _View] = tensors.load()
    storages: dict[str, np.ndarray] = {}
    for key in _Unpickler(file).load():
        dtype, count = tensors.dtypes[key], int.from_bytes(file.read(8), "little")
        storages[key] = np.frombuffer(file.read(count * dtype.itemsize), dtype)
    return {name: _array(storages[view[0]], *view[1:]) for name, view in views.items()}


def _array(
    storage: np.ndarray, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]
) -> np.ndarray:
    """A copy of the values of a view. Raises an error if it reaches outside its storage."""
    # A stride of zero repeats values without bound.
    if math.prod(shape) > storage.size:
        raise pickle.UnpicklingError("a tensor is larger than its storage")
    step = storage.itemsize
    steps = [step * stride for stride in strides]
    view = np.ndarray(shape, storage.dtype, storage.data, step * offset, steps)
    return np.array(view, order="C")


class _Unpickler(pickle.Unpickler):
    """Numbers, strings, lists, dicts, and tensors as views of storages that are read later."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self.dtypes: dict[str, np.dtype] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda *arguments: arguments[:4]
        if module == "torch" and name in DTYPES:
            return DTYPES[name]
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")

    def persistent_load(self, pid: Any) -> str:
        _kind, dtype, key, *_ = pid
        self.dtypes[key] = dtype
        return key
