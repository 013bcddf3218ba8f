"""Read the tensors of a legacy PyTorch file without PyTorch and without executing anything."""

import math
import pickle
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from core.errors import WeightsUnavailable

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
DTYPES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "<i1",
    "ByteStorage": "<u1",
    "BoolStorage": "?",
}


@dataclass(frozen=True)
class _Storage:
    key: str
    dtype: np.dtype
    count: int


@dataclass(frozen=True)
class _View:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _RefusedError(Exception):
    """The file holds something other than tensors."""


def read(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a file written by `torch.save` before PyTorch 1.6.

    Such a file is five pickles (magic number, protocol, byte order and sizes, the
    tensors as views on storages, the keys of the storages), then each storage as a
    count (int64) and raw values. A view has an offset and strides, in elements: many
    convolution kernels are stored transposed.

    Args:
        path: the file.

    Returns:
        Name → array, C-contiguous, of the dtype and shape that were saved.

    Raises:
        WeightsUnavailable: the file is missing or damaged, or it names anything but
            tensors and their storages.

    Source: `torch/serialization.py`, `_legacy_save`.
    """
    try:
        with path.open("rb") as file:
            return _read(file, path.stat().st_size)
    except _RefusedError as error:
        reason = str(error)
    except OSError as error:
        reason = error.strerror or "it cannot be read"
    except Exception as error:  # unpickling damaged bytes may raise anything
        reason = f"it is damaged ({type(error).__name__})"
    raise WeightsUnavailable(
        f"{path.name} cannot be used as a file of PyTorch weights: {reason}. "
        "Install its package again."
    )


def _read(file: BinaryIO, size: int) -> dict[str, np.ndarray]:
    if _Plain(file).load() != MAGIC or _Plain(file).load() != PROTOCOL:
        raise _RefusedError("it does not begin as one")
    system = _Plain(file).load()
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise _RefusedError("it was written on a big-endian machine")

    tensors = _Tensors(file)
    views = tensors.load()
    keys = _Plain(file).load()
    if not isinstance(views, dict) or not isinstance(keys, list):
        raise _RefusedError("it holds no table of tensors")

    values = {}
    for key in keys:
        storage = tensors.storages.get(key)
        if storage is None:
            raise _RefusedError("it holds a storage that no tensor uses")
        count = int.from_bytes(file.read(8), "little", signed=True)
        length = count * storage.dtype.itemsize
        if count != storage.count or count < 0 or file.tell() + length > size:
            raise _RefusedError("a storage is shorter than it says")
        values[key] = np.frombuffer(file.read(length), storage.dtype)
    return {_name(name): _array(view, values) for name, view in views.items()}


def _name(name: object) -> str:
    if not isinstance(name, str):
        raise _RefusedError("a tensor has no name")
    return name


def _array(view: object, values: dict[str, np.ndarray]) -> np.ndarray:
    """A copy of the view's values, after checking that it stays inside its storage."""
    if not isinstance(view, _View):
        raise _RefusedError("it holds something besides tensors")
    flat = values[view.storage.key]
    numbers = (view.offset, *view.shape, *view.strides)
    if any(not isinstance(n, int) or n < 0 for n in numbers) or len(view.shape) != len(
        view.strides
    ):
        raise _RefusedError("a tensor has an impossible shape")
    spans = [(n - 1) * stride for n, stride in zip(view.shape, view.strides, strict=True)]
    # A stride of zero repeats values without bound, so a view must not be larger than its storage.
    if math.prod(view.shape) > flat.size or view.offset + sum(spans) >= max(flat.size, 1):
        raise _RefusedError("a tensor reaches outside its storage")
    if 0 in view.shape:
        return np.zeros(view.shape, flat.dtype)
    step = flat.dtype.itemsize
    values_view = np.lib.stride_tricks.as_strided(
        flat[view.offset :], view.shape, [stride * step for stride in view.strides], writeable=False
    )
    return np.array(values_view, order="C")


class _Plain(pickle.Unpickler):
    """Numbers, strings, lists and dicts only."""

    def find_class(self, module: str, name: str) -> Any:
        raise _RefusedError(f"it asks for {module}.{name}")

    def persistent_load(self, pid: Any) -> Any:  # noqa: ARG002  # the signature is pickle's
        raise _RefusedError("it refers to a storage out of place")


class _Tensors(pickle.Unpickler):
    """Tensors, as views of storages that are read later."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _view
        if module == "torch" and name in DTYPES:
            return name
        raise _RefusedError(f"it asks for {module}.{name}")

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key, _device, count, part = pid
        if kind != "storage" or part is not None or not isinstance(key, str):
            raise _RefusedError("it holds an unknown kind of storage")
        storage = _Storage(key, np.dtype(DTYPES[dtype]), count)
        if self.storages.setdefault(key, storage) != storage:
            raise _RefusedError("two storages have the same key")
        return storage


def _view(
    storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_rest: Any
) -> _View:
    if not isinstance(storage, _Storage):
        raise _RefusedError("a tensor has no storage")
    return _View(storage, offset, tuple(shape), tuple(strides))
