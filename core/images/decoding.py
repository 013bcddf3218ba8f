"""Turn the bytes of any picture into upright RGB pixels: the only decoder."""

import io
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import pillow_heif
from PIL import Image

from core import settings
from core.errors import BadImage
from core.images import headers
from core.images.headers import area, within
from core.settings import Settings

# Telephones embed thumbnails that need not show the picture: they are never decoded.
pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)

# Each plugin is code that a stranger can reach, so only what people take photographs in.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF", "HEIF")
READABLE = "JPEG, PNG, WebP, GIF, BMP, TIFF, PPM, AVIF or HEIC"

SIXTEEN_BITS = 65_535.0
# Holding all coefficients, as a progressive JPEG needs, leaves room for a quarter of the pixels.
PROGRESSIVE_PIXELS = 18_000_000
STRIP_PIXELS = 1 << 20  # converted at once, so that no second whole copy is held

_UPRIGHT = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a.swapaxes(0, 1)[:, ::-1],
    7: lambda a: a.swapaxes(0, 1)[::-1, ::-1],
    8: lambda a: a.swapaxes(0, 1)[::-1],
}


@dataclass(frozen=True)
class DecodedImage:
    """A decoded picture and what its file says about it.

    Attributes:
        pixels: (h, w, 3) uint8 RGB, upright; smaller than the picture when drafted.
        format: Pillow's name, `JPEG`.
        width: of the whole picture, upright, in pixels.
        height: of the whole picture, upright, in pixels.
    """

    pixels: np.ndarray
    format: str
    width: int
    height: int


def decode(
    source: bytes | Path, *, shorter_edge: int | None = None, limits: Settings | None = None
) -> np.ndarray:
    """Decode a picture by its content, whatever its name says.

    EXIF orientation is applied, CMYK, grey and palettes become RGB, 16 bits are scaled to 8,
    transparency is laid on white, and of an animation the first frame is taken. A progressive
    JPEG of over 18 million pixels comes at half its size, to stay within 200 MB.

    Args:
        source: the file's bytes, or its path.
        shorter_edge: a JPEG may be decoded at 1/2, 1/4 or 1/8 of its size as long as its
            shorter edge stays at least this long, in pixels.
        limits: settings in place of the environment's.

    Returns:
        (h, w, 3) uint8 RGB.

    Raises:
        BadImage: not a picture, a damaged one, or one beyond the limits.
    """
    return decode_with_info(source, shorter_edge=shorter_edge, limits=limits).pixels


def decode_with_info(
    source: bytes | Path, *, shorter_edge: int | None = None, limits: Settings | None = None
) -> DecodedImage:
    """Decode a picture and keep its format and size; arguments and errors as in `decode`."""
    limits = limits or settings.load()
    with _refusing(), _opened(source, limits) as file:
        image, kind, (width, height), turn = _checked(file, shorter_edge, limits)
        pixels = _rgb(image)
        del image  # turning makes a second copy; there is no room for a third
    if turn >= 5:
        width, height = height, width
    return DecodedImage(_turned(pixels, turn), kind, width, height)


def fit(image: np.ndarray, size: int, crop: float = 1.0) -> np.ndarray:
    """Cut the centre square and resize it, in one step.

    Equal, within rounding, to resizing the shorter edge to `size / crop` and then cutting the
    central `size` pixels, which is how ImageNet models are evaluated.

    Args:
        image: (h, w, 3) uint8.
        size: edge of the answer, in pixels.
        crop: edge of the square as a part of the shorter edge, over 0 and up to 1.

    Returns:
        (size, size, 3) uint8.
    """
    return _fitted(Image.fromarray(image), size, crop)


def load(
    source: bytes | Path, size: int, crop: float = 1.0, limits: Settings | None = None
) -> np.ndarray:
    """Decode and fit: the one way by which training, reports and Predict see a picture.

    Returns:
        (size, size, 3) uint8 RGB.

    Raises:
        BadImage: as in `decode`.
    """
    limits = limits or settings.load()
    # The resize reads pixels beyond its box, so the whole shorter edge must keep its detail.
    shorter_edge = int(np.ceil(size / crop))
    with _refusing(), _opened(source, limits) as file:
        image, _, _, turn = _checked(file, shorter_edge, limits)
        if image.mode == "RGB" and turn == 1 and "transparency" not in image.info:
            return _fitted(image, size, crop)  # what most are need not become an array first
        pixels = _rgb(image)
    return fit(_turned(pixels, turn), size, crop)


def thumbnail(image: np.ndarray, edge: int = 160) -> bytes:
    """Shrink a picture to show it in a list.

    Args:
        image: (h, w, 3) uint8 RGB.
        edge: the longer edge's most, in pixels.

    Returns:
        A JPEG without metadata.
    """
    small = Image.fromarray(image)
    small.thumbnail((edge, edge), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def _checked(
    file: IO[bytes], shorter_edge: int | None, limits: Settings
) -> tuple[Image.Image, str, tuple[int, int], int]:
    """What `_loaded` gives of a file whose headers are in order, and how it must be turned."""
    headers.check(file, limits)
    file.seek(0)
    image, kind, size = _loaded(file, shorter_edge, limits)
    # Pillow itself turns TIFF.
    return image, kind, size, 1 if kind == "TIFF" else headers.orientation(image.info)


def _turned(pixels: np.ndarray, turn: int) -> np.ndarray:
    return np.ascontiguousarray(_UPRIGHT[turn](pixels)) if turn in _UPRIGHT else pixels


def _fitted(image: Image.Image, size: int, crop: float) -> np.ndarray:
    width, height = image.size
    edge = crop * min(height, width)
    left, top = (width - edge) / 2, (height - edge) / 2
    box = (left, top, left + edge, top + edge)
    return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC, box=box))


def _loaded(
    file: IO[bytes], shorter_edge: int | None, limits: Settings
) -> tuple[Image.Image, str, tuple[int, int]]:
    """The first picture of a file as it is stored, its format, and the size the file gives."""
    with Image.open(file, formats=FORMATS) as opened:
        kind = "JPEG" if opened.format == "MPO" else opened.format or ""
        size = opened.size
        within(size, limits, kind)
        if kind == "JPEG" and opened.info.get("progressive") and area(size) > PROGRESSIVE_PIXELS:
            shorter_edge = min(shorter_edge or min(size), min(size) // 2)
        if kind == "JPEG" and shorter_edge:
            opened.draft(None, (shorter_edge, shorter_edge))
        for tile in opened.tile:
            left, top, right, bottom = tile[1] or (0, 0, 0, 0)
            within((right - left, bottom - top), limits)
        opened.load()
        within(opened.size, limits, kind)
        # A bare image: the decoder with its buffers goes before the next copy is made.
        return opened._new(opened.im), kind, size


@contextmanager
def _refusing() -> Iterator[None]:
    """Turn whatever a decoder raises into one sentence."""
    try:
        yield
    except BadImage:
        raise
    except Image.UnidentifiedImageError as error:
        raise BadImage(f"Not a picture: expected {READABLE}. Save it as one of these.") from error
    except MemoryError as error:
        raise BadImage("Too large to decode in the memory there is. Make it smaller.") from error
    except Image.DecompressionBombError as error:
        raise BadImage("Far more pixels than its size allows. Make the picture smaller.") from error
    # Pillow's plugins raise whatever their parsing trips over; all of it means a damaged file.
    except Exception as error:
        raise BadImage("Damaged or incomplete picture. Export or download it again.") from error


@contextmanager
def _opened(source: bytes | Path, limits: Settings) -> Iterator[IO[bytes]]:
    """A file object, never a name: Pillow maps named files into memory, where they can change."""
    if isinstance(source, Path):
        if not source.is_file():
            raise BadImage(f"No picture file at {source.name}. It may have been deleted.")
        count = source.stat().st_size
    else:
        count = len(source)
    if not count:
        raise BadImage("Empty file. Export or download the picture again.")
    if count > limits.picture_bytes:
        raise BadImage(
            f"Pictures may have up to {limits.picture_megabytes} MB; this one has "
            f"{count / 2**20:.0f}. Save it smaller, or raise "
            f"{Settings.variable('picture_megabytes')}."
        )
    if isinstance(source, Path):
        with source.open("rb") as file:
            yield file
    else:
        yield io.BytesIO(source)


def _rgb(image: Image.Image) -> np.ndarray:
    """Pixels of a loaded picture as (h, w, 3) uint8, converted strip by strip."""
    width, height = image.size
    convert = _converter(image)
    pixels = np.empty((height, width, 3), np.uint8)
    rows = max(1, STRIP_PIXELS // max(width, 1))
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        pixels[top:bottom] = convert(image.crop((0, top, width, bottom)))
    return pixels


def _converter(image: Image.Image) -> Callable[[Image.Image], np.ndarray]:
    """How a strip of this picture becomes an array that broadcasts to (h, w, 3) uint8."""
    if image.mode.startswith("I;16"):
        return lambda strip: _scaled(np.asarray(strip), 0, SIXTEEN_BITS)
    if image.mode in ("I", "F"):
        low, high = _range(image)
        return lambda strip: _scaled(np.asarray(strip), low, high)
    if image.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info:
        return _on_white
    if image.mode == "LAB":
        raise BadImage("Pictures in Lab colours are not read. Save it as RGB.")
    return lambda strip: np.asarray(strip.convert("RGB"))


def _range(image: Image.Image) -> tuple[float, float]:
    """What black and white are in a picture of 32-bit numbers, which does not say."""
    low, high = np.asarray(image.getextrema(), np.float64).tolist()
    if not (math.isfinite(low) and math.isfinite(high)):
        raise BadImage("Its pixels are not all finite numbers. Save it as 8-bit PNG.")
    usual = [255.0, SIXTEEN_BITS] if image.mode == "I" else [1.0, 255.0, SIXTEEN_BITS]
    if image.format in ("PPM", "PNG"):
        usual = [SIXTEEN_BITS] if image.mode == "I" else [1.0]
    for white in usual:
        if low >= 0 and high <= white:
            return 0, white
    return low, high


def _scaled(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """(h, w) numbers between `low` and `high` → (h, w, 1) uint8."""
    grey = (values.astype(np.float32) - low) * (255 / (high - low or 1))
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8)[..., None]


def _on_white(strip: Image.Image) -> np.ndarray:
    """Lay what is transparent on white."""
    rgba = np.asarray(strip.convert("RGBA")).astype(np.uint16)
    opacity = rgba[..., 3:]
    return ((rgba[..., :3] * opacity + 255 * (255 - opacity) + 127) // 255).astype(np.uint8)
