"""Read files one after another in a separate process, and measure time and memory.

Run as `python -m tests.core.corpus KIND SCRATCH FILE…`: prints one JSON object per file, so that
after a crash the last file is known.
"""

import io
import json
import shutil
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from core import dataset, images
from core.archive import unpacking
from core.bundles import imported
from core.errors import BadInput, TuskerError
from core.settings import Settings

LIMITS = Settings()
SECRET = "outside"


def memory(field: str) -> float:
    """`VmRSS` or `VmHWM` of this process in megabytes; 0 on another system than Linux.

    `ru_maxrss` would begin with the peak of the process that started this one.
    """
    status = Path("/proc/self/status")
    for line in status.read_text().splitlines() if status.exists() else ():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    return 0.0


def tree(folder: Path) -> dict[str, bytes]:
    """Every path below a folder with its bytes."""
    return {str(p): p.read_bytes() if p.is_file() else b"" for p in sorted(folder.rglob("*"))}


def plain_picture(seed: int) -> bytes:
    """A readable picture."""
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), (seed, 0, 0)).save(buffer, "PNG")
    return buffer.getvalue()


def decode(path: Path, folder: Path) -> str:
    """Decode a picture."""
    image = images.decode(path, limits=Settings())
    assert image.dtype == "uint8" and image.shape[2] == 3
    assert images.decode_and_crop(path, 224, 0.875, limits=Settings()).shape == (224, 224, 3)
    return "accepted"


def zipped(path: Path, folder: Path) -> str:
    """Read a picture inside a zip of class folders."""
    source = folder / "set.zip"
    with zipfile.ZipFile(source, "w") as target:
        target.write(path, f"a/{path.name}")
        for number, name in enumerate(("a/1.png", "b/2.png")):
            target.writestr(name, plain_picture(number))
    found = dataset.read(source, folder / "out", LIMITS).dataset
    assert len(found.examples) + len(found.skipped) == 3
    reasons = [skipped.reason for skipped in found.skipped]
    return f"refused: {reasons[0]}" if reasons else "accepted"


def extract(path: Path, folder: Path) -> str:
    """Extract an archive."""
    found = unpacking.extract(path, folder / "out", LIMITS)
    assert {p.name for p in (folder / "out").iterdir()} == {m.path.name for m in found.members}
    return "accepted"


def read(path: Path, folder: Path) -> str:
    """Read an archive as a dataset."""
    dataset.read(path, folder / "out", LIMITS)
    return "accepted"


def import_model(path: Path, folder: Path) -> str:
    """Import a bundle."""
    with path.open("rb") as stream:
        imported.import_bundle(stream, path.stem, Settings(home=folder / "home"))
    return "accepted"


WAYS: dict[str, tuple[Callable[[Path, Path], str], ...]] = {
    "images": (decode, zipped),
    "archives": (extract, read),
    "bundles": (import_model,),
}


def attempt(way: Callable[[Path, Path], str], path: Path, scratch: Path) -> dict[str, object]:
    """Read one file in one way: the outcome, seconds of CPU time, megabytes, and escapes."""
    shutil.rmtree(scratch, ignore_errors=True)
    folder = scratch / "work"
    folder.mkdir(parents=True)
    (scratch / SECRET).write_bytes(b"mine")
    Path("/proc/self/clear_refs").write_text("5")  # reset the peak memory
    before, start = memory("VmRSS"), time.process_time()
    try:
        outcome = way(path, folder)
    except BadInput as refusal:
        outcome = f"refused: {refusal}"
        assert not (folder / "out").exists() or way is read
    except TuskerError as refusal:
        outcome = f"crash: {refusal!r}"
    except Exception as error:
        outcome = f"crash: {type(error).__name__}: {error}"
    seconds, megabytes = time.process_time() - start, memory("VmHWM") - before
    outside = {p: c for p, c in tree(scratch).items() if not p.startswith(str(folder))}
    escaped = outside != {str(scratch / SECRET): b"mine"} or any(
        p.is_symlink() for p in scratch.rglob("*")
    )
    return {
        "file": path.name,
        "way": way.__name__,
        "outcome": outcome,
        "seconds": seconds,
        "megabytes": megabytes,
        "escaped": escaped,
    }


if __name__ == "__main__":
    kind, scratch, *files = sys.argv[1:]
    # The first picture allocates memory that belongs to none of the files.
    images.decode(plain_picture(0), limits=Settings())
    for file in files:
        for way in WAYS[kind]:
            print(json.dumps(attempt(way, Path(file), Path(scratch))), flush=True)
