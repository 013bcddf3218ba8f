"""Files are written here opcode by opcode, so that PyTorch is not needed to make them."""

import pickle
import struct

import numpy as np
import pytest

from core.backbones import torch_file
from core.errors import WeightsUnavailable

MAGIC = 0x1950A86A20F9469CFC6C


def unicode(value):
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def integer(value):
    return b"J" + struct.pack("<i", value)


def numbers(values):
    return b"(" + b"".join(integer(v) for v in values) + b"t"


def storage(key, count, kind="FloatStorage"):
    return (
        b"(" + unicode("storage") + f"ctorch\n{kind}\n".encode() + unicode(key) + unicode("cpu")
        + integer(count) + b"NtQ"
    )  # fmt: skip


def tensor(key, count, offset, shape, strides, kind="FloatStorage"):
    """A call of `_rebuild_tensor_v2`."""
    return (
        b"ctorch._utils\n_rebuild_tensor_v2\n("
        + storage(key, count, kind) + integer(offset) + numbers(shape) + numbers(strides)
        + b"\x89ccollections\nOrderedDict\n)R" + b"tR"
    )  # fmt: skip


def table(**tensors):
    items = b"".join(unicode(name) + code for name, code in tensors.items())
    return b"\x80\x02ccollections\nOrderedDict\n)R(" + items + b"u."


def write(path, tensors, storages, *, magic=MAGIC):
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}
    content = b"".join(pickle.dumps(part, 2) for part in (magic, 1001, system))
    content += tensors + pickle.dumps(list(storages), 2)
    for values in storages.values():
        content += struct.pack("<q", values.size) + values.tobytes()
    path.write_bytes(content)
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.pth"


def test_a_tensor_is_read_with_its_shape_and_type(path):
    values = np.arange(6, dtype="<f4")
    write(path, table(a=tensor("7", 6, 0, (2, 3), (3, 1))), {"7": values})
    array = torch_file.read(path)["a"]
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array, values.reshape(2, 3))


def test_offset_and_strides_are_honoured(path):
    values = np.arange(10, dtype="<f4")
    write(path, table(a=tensor("7", 10, 2, (3, 2), (1, 3))), {"7": values})
    array = torch_file.read(path)["a"]
    np.testing.assert_array_equal(array, [[2, 5], [3, 6], [4, 7]])
    assert array.flags.c_contiguous


def test_tensors_may_share_a_storage_and_be_scalars(path):
    values = np.arange(4, dtype="<i8")
    code = table(
        a=tensor("7", 4, 0, (2,), (1,), "LongStorage"),
        b=tensor("7", 4, 3, (), (), "LongStorage"),
    )
    write(path, code, {"7": values})
    tensors = torch_file.read(path)
    assert tensors["a"].tolist() == [0, 1]
    assert tensors["b"].shape == ()
    assert tensors["b"] == 3


def refusal(path):
    with pytest.raises(WeightsUnavailable) as caught:
        torch_file.read(path)
    sentence = str(caught.value)
    assert sentence.startswith("model.pth cannot be used")
    return sentence


@pytest.mark.parametrize("code", [b"cos\nsystem\n", b"cbuiltins\neval\n", b"ctorch\nload\n"])
def test_a_file_that_calls_anything_else_is_refused_and_nothing_runs(path, tmp_path, code):
    touched = tmp_path / "touched"
    call = b"\x80\x02" + code + b"(" + unicode(f"touch {touched}") + b"tR."
    assert "it asks for" in refusal(write(path, call, {}))
    assert not touched.exists()


def test_code_in_the_header_is_refused(path):
    path.write_bytes(b"\x80\x02cos\ngetcwd\n)R.")
    assert "os.getcwd" in refusal(path)


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [
        (3, (2,), (1,)),  # one past the end
        (0, (2,), (4,)),  # a step past the end
        (-1, (2,), (1,)),
        (0, (2,), (-1,)),
        (0, (2, 2), (1,)),  # more axes than strides
        (0, (1 << 30,), (0,)),  # one value repeated to fill the memory
    ],
)
def test_a_tensor_that_reaches_outside_its_storage_is_refused(path, offset, shape, strides):
    values = np.arange(4, dtype="<f4")
    write(path, table(a=tensor("7", 4, offset, shape, strides)), {"7": values})
    refusal(path)


def test_a_truncated_file_is_refused_wherever_it_ends(path):
    values = np.arange(4, dtype="<f4")
    content = write(path, table(a=tensor("7", 4, 0, (4,), (1,))), {"7": values}).read_bytes()
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        refusal(path)


def test_a_storage_of_another_length_than_it_says_is_refused(path):
    write(path, table(a=tensor("7", 9, 0, (9,), (1,))), {"7": np.arange(4, dtype="<f4")})
    refusal(path)


def test_a_zip_and_a_missing_file_are_refused(path):
    assert "No such file" in refusal(path)
    path.write_bytes(b"PK\x03\x04" + bytes(100))
    refusal(path)


def test_values_other_than_tensors_are_refused(path):
    refusal(write(path, table(a=b"K\x01"), {}))
