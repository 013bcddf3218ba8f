"""Keep libtiff from reporting damage on standard error, which is the host's log."""

import ctypes
from contextlib import suppress
from pathlib import Path

from PIL import Image


def silence_libtiff() -> None:
    """Remove the handlers of messages; Pillow reports damage as an exception."""
    for library in (Path(Image.__file__).parents[1] / "pillow.libs").glob("libtiff*"):
        with suppress(OSError, AttributeError):
            for handler in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
                getattr(ctypes.CDLL(str(library)), handler)(None)
