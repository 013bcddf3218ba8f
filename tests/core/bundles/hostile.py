"""Bundles that somebody made to do harm, each by what is wrong with it."""

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable

import numpy as np
from safetensors.numpy import save

from core.backbones import get, variables

TINY = get("tiny")
CLASSES = ("rose", "tulip")
MODEL, WEIGHTS, OOD, APPEARANCE = (
    "model.json",
    "weights.safetensors",
    "novelty.safetensors",
    "looks.json",
)


def model_json(**changes: object) -> bytes:
    """`model.json` of a linear head on the tiny backbone."""
    values = {
        "version": 1,
        "backbone": "tiny",
        "classes": CLASSES,
        "size": 32,
        "crop": 0.94,
        "hidden": [],
        "dropout": 0.2,
        "temperature": 1.5,
        "cut": None,
    }
    return json.dumps(values | changes).encode()


def head(classes: int = 2, width: int = 32, **arrays: np.ndarray) -> dict[str, np.ndarray]:
    """Its arrays."""
    random = np.random.default_rng(0)
    kernel = random.normal(size=(width, classes)).astype(np.float32)
    return {"head.0.kernel": kernel, "head.0.bias": np.zeros(classes, np.float32), **arrays}


def ood_detector() -> dict[str, np.ndarray]:
    """Its detector of unlike pictures."""
    means = np.full((2, 32), 0.1, np.float32)
    directions = np.zeros((1, 32), np.float32)
    return {"means": means, "directions": directions, "threshold": np.ones(1, np.float32)}


def trunk() -> dict[str, np.ndarray]:
    """Weights of the last stage."""
    return {
        name: np.zeros(shape, np.float32) for name, shape in variables.of(TINY).above(1).items()
    }


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """A zip of these."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as target:
        for name, content in files.items():
            target.writestr(name, content)
    return buffer.getvalue()


def bundle_files(**changes: bytes) -> dict[str, bytes]:
    """The files of a good bundle, some of them replaced."""
    files = {
        "model": model_json(),
        "weights": save(head()),
        "ood_detector": save(ood_detector()),
        "appearance": appearance(),
    }
    assert changes.keys() <= files.keys()
    files |= changes
    return dict(zip((MODEL, WEIGHTS, OOD, APPEARANCE), files.values(), strict=True))


def appearance(**changes: object) -> bytes:
    """How the training pictures look, some of it changed."""
    usual = dict.fromkeys(("least", "low", "middle", "high", "most"), 20.0)
    values = {
        "version": 1,
        "pictures": 30,
        "brightness": usual,
        "warmth": usual,
        "sharpness": usual,
    }
    return json.dumps(values | changes).encode()


def _spread(name: str, **changes: float) -> bytes:
    """A zip with other numbers of one measure."""
    usual = json.loads(appearance())[name]
    return zipped(bundle_files(appearance=appearance(**{name: usual | changes})))


def tensors(header: object, numbers: bytes = b"", length: int | None = None) -> bytes:
    """A safetensors file with any header."""
    encoded_header = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (
        struct.pack("<Q", len(encoded_header) if length is None else length)
        + encoded_header
        + numbers
    )


def array_entry(shape: object, begin: object, end: object, dtype: str = "F32") -> dict[str, object]:
    """What a header says of one array."""
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def _weights(**header: object) -> bytes:
    """A zip whose header of the weights says this of the two arrays, with 264 bytes of numbers."""
    names = {"kernel": "head.0.kernel", "bias": "head.0.bias"}
    entries = {names.get(key, key): value for key, value in header.items()}
    return zipped(bundle_files(weights=tensors(entries, bytes(264))))


def _patched(content: bytes, name: str, at: int, value: bytes) -> bytes:
    """A zip with some bytes of a file's line in the directory exchanged."""
    changed = bytearray(content)
    where = content.rindex(b"PK\1\2", 0, content.rindex(name.encode()))
    changed[where + at : where + at + len(value)] = value
    return bytes(changed)


def _symlink() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        info = zipfile.ZipInfo(MODEL)
        info.create_system, info.external_attr = 3, 0o120777 << 16
        target.writestr(info, "/etc/passwd")
        target.writestr(WEIGHTS, save(head()))
    return buffer.getvalue()


def _twice() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        for name, content in bundle_files().items():
            target.writestr(name, content)
        target.writestr("model.json", model_json(backbone="resnet50"))
    return buffer.getvalue()


def _bomb() -> bytes:
    """Weights that expand to 256 MB, although the directory declares their correct size."""
    engine = zlib.compressobj(1, zlib.DEFLATED, -15)
    start = tensors(
        {"head.0.kernel": array_entry([32, 2], 0, 256), "head.0.bias": array_entry([2], 256, 264)}
    )
    packed = engine.compress(start)
    for _ in range(16):
        packed += engine.compress(bytes(1 << 24))
    packed += engine.flush()
    good = zipped(bundle_files(weights=packed))
    size = struct.pack("<I", len(start) + 264)
    packed_as_deflate = _patched(_patched(good, WEIGHTS, 10, b"\x08\0"), WEIGHTS, 24, size)
    local = packed_as_deflate.index(b"PK\3\4", packed_as_deflate.index(b"PK\3\4") + 4)
    changed = bytearray(packed_as_deflate)
    changed[local + 8 : local + 10] = b"\x08\0"
    return bytes(changed)


def _declared_bomb() -> bytes:
    """Weights of 128 MB, which the directory declares."""
    return zipped(bundle_files(weights=save(head()) + bytes(1 << 27)), zipfile.ZIP_DEFLATED)


def _nan(value: float) -> bytes:
    arrays = head()
    arrays["head.0.kernel"][3, 1] = value
    return zipped(bundle_files(weights=save(arrays)))


def _packed(name: str, value: bytes) -> bytes:
    """A zip with a long list of the same value, which takes little space in it."""
    content = b"[" + value * 10_000_000 + b"0]"
    return zipped(bundle_files() | {name: content}, zipfile.ZIP_DEFLATED)


def _novelty(**changes: np.ndarray) -> bytes:
    return zipped(bundle_files(ood_detector=save(ood_detector() | changes)))


def _model(**changes: object) -> bytes:
    return zipped(bundle_files(model=model_json(**changes)))


def _arrays(arrays: dict[str, np.ndarray], **model: object) -> bytes:
    return zipped(bundle_files(model=model_json(**model), weights=save(arrays)))


GOOD = array_entry([32, 2], 0, 256)
BIAS = array_entry([2], 256, 264)
RUNS = b"cos\nsystem\n(S'touch /tmp/it_was_run'\ntR."
"""A pickle that runs a command when it is opened."""

BUNDLES: dict[str, Callable[[], bytes]] = {
    # The zip.
    "no zip": lambda: RUNS,
    "a truncated zip": lambda: zipped(bundle_files())[:-200],
    "no model in it": lambda: zipped({"labels.txt": b"rose"}),
    "a climbing name": lambda: zipped(bundle_files() | {"../../evil.py": b"import os"}),
    "two files of one name": _twice,
    "encrypted": lambda: _patched(zipped(bundle_files()), WEIGHTS, 8, b"\1\0"),
    "a symlink for a model": _symlink,
    "a thousand files": lambda: zipped(bundle_files() | {f"{i}.txt": b"" for i in range(1_000)}),
    "weights that expand to 256 MB": _bomb,
    "weights of 128 MB": _declared_bomb,
    "weights with a wrong checksum": lambda: _patched(zipped(bundle_files()), WEIGHTS, 16, b"evil"),
    "weights packed by a method of its own": lambda: _patched(
        zipped(bundle_files()), WEIGHTS, 10, b"\x63\0"
    ),
    # model.json
    "a pickle for a model": lambda: zipped(bundle_files(model=RUNS)),
    "a huge model.json": lambda: zipped(bundle_files(model=model_json() + b" " * (2 << 20))),
    "a deep model.json": lambda: zipped(bundle_files(model=b'{"a":' * 100_000)),
    "a model.json that is not UTF-8": lambda: zipped(
        bundle_files(model=b'{"backbone": "\xff\xfe"}')
    ),
    "an unknown backbone": lambda: _model(backbone="../../resnet50"),
    "one class": lambda: _model(classes=["rose"]),
    "ten thousand classes": lambda: _model(classes=[str(i) for i in range(10_000)]),
    "classes of the same name": lambda: _model(classes=["rose", "rose"]),
    "a class without a name": lambda: _model(classes=["rose", " "]),
    "a class of control characters": lambda: _model(classes=["rose", "tu\x1b[2Jlip"]),
    "a class of a line separator": lambda: _model(classes=["rose", "tu\u2028lip"]),
    "a name of a megabyte": lambda: _model(classes=["rose", "x" * 900_000]),
    "a negative size": lambda: _model(size=-32),
    "another size than the backbone's": lambda: _model(size=64),
    "a crop that is no number": lambda: zipped(
        bundle_files(model=model_json(crop=0.5).replace(b"0.5", b"NaN"))
    ),
    "huge hidden layers": lambda: _model(hidden=[4096, 10**9, 4096]),
    "four hidden layers": lambda: _model(hidden=[8, 8, 8, 8]),
    "a temperature of zero": lambda: _model(temperature=0),
    "an endless dropout": lambda: zipped(
        bundle_files(model=model_json(dropout=0.5).replace(b"0.5", b"Infinity"))
    ),
    "a cut that is no stage": lambda: _model(cut="__class__"),
    "a word too many": lambda: _model(custom_objects={"Lambda": "os.system"}),
    # weights.safetensors
    "a pickle for weights": lambda: zipped(bundle_files(weights=RUNS)),
    "empty weights": lambda: zipped(bundle_files(weights=b"")),
    "a header of exabytes": lambda: zipped(bundle_files(weights=tensors(b"{}", length=2**63))),
    "a header of spaces": lambda: zipped(
        bundle_files(
            model=model_json(hidden=[4096, 4096]), weights=tensors(b"{}" + b" " * (2 << 20))
        )
    ),
    "a shape bomb": lambda: _weights(kernel=array_entry([2**40, 2**40], 0, 256), bias=BIAS),
    "an empty array of exabytes": lambda: _weights(
        kernel=GOOD, bias=BIAS, spare=array_entry([0, 2**62], 264, 264)
    ),
    "a hundred dimensions": lambda: _weights(
        kernel=GOOD, bias=BIAS, spare=array_entry([0] * 100, 264, 264)
    ),
    "overlapping offsets": lambda: _weights(kernel=GOOD, bias=array_entry([2], 248, 256)),
    "half precision": lambda: zipped(
        bundle_files(weights=save({n: a.astype(np.float16) for n, a in head().items()}))
    ),
    "a number that is none": lambda: _nan(np.nan),
    "the largest number": lambda: _nan(3.4e38),
    "a head without a bias": lambda: _arrays({"head.0.kernel": head()["head.0.kernel"]}),
    "an array more": lambda: _arrays(head(spare=np.zeros(4, np.float32))),
    "a head of more classes": lambda: _arrays(head(classes=3)),
    "a head for wider features": lambda: _arrays(head(width=64)),
    "a head without its hidden layer": lambda: _arrays(head(), hidden=[8]),
    "trained layers without a cut": lambda: _arrays(head() | trunk()),
    "a cut without trained layers": lambda: _arrays(head(), cut="block 1"),
    "a trained layer below the cut": lambda: _arrays(
        head(**{"trunk.2.kernel": np.zeros((3, 3, 3, 16), np.float32)}), cut="block 1"
    ),
    "a trained layer of another shape": lambda: _arrays(
        head() | {name: array[..., :1] for name, array in trunk().items()}, cut="block 1"
    ),
    "a hole among the trained layers": lambda: _arrays(
        head(**{"trunk.5.kernel": np.zeros((3, 3, 16, 24), np.float32)}), cut="stem"
    ),
    "a layer with a name of its own": lambda: _arrays(
        head() | trunk() | {"trunk.8.__class__": np.zeros(1, np.float32)}, cut="block 1"
    ),
    # novelty.safetensors
    "a threshold below zero": lambda: _novelty(threshold=-np.ones(1, np.float32)),
    "means of other features": lambda: _novelty(means=np.zeros((2, 8), np.float32)),
    "more means than classes": lambda: _novelty(means=np.zeros((9, 32), np.float32)),
    "directions that stretch": lambda: _novelty(directions=np.ones((1, 32), np.float32)),
    "no means": lambda: _novelty(means=np.zeros((0, 32), np.float32)),
    # looks.json
    "looks of no picture": lambda: zipped(bundle_files(appearance=appearance(pictures=0))),
    "looks with more to say": lambda: zipped(
        bundle_files(appearance=appearance(script="alert(1)"))
    ),
    "a brightness of none": lambda: zipped(bundle_files(appearance=appearance(brightness=None))),
    "a brightness that is no number": lambda: _spread("brightness", most=np.nan),
    "a brightness beyond white": lambda: _spread("brightness", most=256.0),
    "a warmth beyond red": lambda: _spread("warmth", least=-1e300),
    "a sharpness upside down": lambda: _spread("sharpness", low=21.0),
    "looks that go on": lambda: zipped(bundle_files(appearance=appearance() + b" " * 5000)),
    # learned.json and split.json
    "millions of objects for hashes": lambda: _packed("learned.json", b"{},"),
    "millions of lists for a split": lambda: _packed("split.json", b"[],"),
    "a deep list of hashes": lambda: zipped(bundle_files() | {"learned.json": b"[" * 100_000}),
}
