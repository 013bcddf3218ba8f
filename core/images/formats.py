"""The formats that are read, and the files of pictures."""

import ctypes
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from PIL import Image, PngImagePlugin

from core.errors import BadImage, NotEnoughResources
from core.settings import MEGABYTE, Settings

# Untrusted files reach the code of these plugins, so only common formats are enabled.
FORMATS: tuple[str, ...] = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF")
READABLE = "JPEG, PNG, WebP, GIF, BMP, TIFF, PPM or AVIF"

try:
    import pillow_heif
except ImportError:  # optional, see requirements.txt
    pass
else:
    # Embedded thumbnails may show something else, so they are never decoded.
    pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
    FORMATS = (*FORMATS, "HEIF")
    READABLE = "JPEG, PNG, WebP, GIF, BMP, TIFF, PPM, AVIF or HEIC"

NOT_A_PICTURE = (
    f"Not a picture: expected {READABLE}. Save it as one of these, or download it again."
)
DAMAGED = "Damaged or incomplete picture. Export or download it again."

# Editors store their history beside a picture, in megabytes; Pillow limits the sum of all texts.
PngImagePlugin.MAX_TEXT_CHUNK = 16 << 20

# Pillow and libtiff report damage on standard error, which is the host's log; it is raised, too.
logging.getLogger("PIL").setLevel(logging.CRITICAL)
for library in (Path(Image.__file__).parents[1] / "pillow.libs").glob("libtiff*"):
    with suppress(OSError, AttributeError):
        for handler in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
            getattr(ctypes.CDLL(str(library)), handler)(None)


@contextmanager
def as_bad_image() -> Iterator[None]:
    """Convert all exceptions of decoders to BadImage."""
    try:
        yield
    except (BadImage, NotEnoughResources):
        raise
    except Image.UnidentifiedImageError as error:
        raise BadImage(NOT_A_PICTURE) from error
    except MemoryError as error:
        raise BadImage("Not enough memory to decode this picture. Make it smaller.") from error
    except Image.DecompressionBombError as error:
        raise BadImage("Too many pixels. Make the picture smaller.") from error
    # Plugins raise many kinds of exceptions while parsing; all of them mean a damaged file.
    except Exception as error:
        raise BadImage(DAMAGED) from error


def read(source: bytes | Path, limits: Settings) -> bytes:
    """The content of a picture file of a size within the limits.

    Raises:
        BadImage: it cannot be read, or it is empty or too large.
    """
    try:
        if not isinstance(source, Path):
            size = len(source)
        elif source.is_file():  # opening a pipe might wait for ever
            size = source.stat().st_size
        else:
            raise BadImage(f"No picture file at {source.name}. It may have been deleted.")
        if not size:
            raise BadImage("Empty file. Export or download the picture again.")
        if size > limits.picture_megabytes * MEGABYTE:
            raise BadImage(
                f"Pictures may have up to {limits.picture_megabytes} MB; this one has "
                f"{size / MEGABYTE:.0f}. Save it smaller, or raise "
                f"{Settings.variable('picture_megabytes')}."
            )
        return source.read_bytes() if isinstance(source, Path) else source
    except OSError as error:
        assert isinstance(source, Path)
        why = error.strerror or error
        raise BadImage(f"The picture {source.name} cannot be read: {why}.") from error
