"""Check the headers of pictures for what would make a decoder spend unlimited time or memory."""

import re
import struct
from collections.abc import Iterator
from itertools import islice
from typing import IO

from core.errors import BadImage
from core.images.coded_size import PADDING, declared_and_coded
from core.images.tags import RAW, Reader, check_raw, check_tags, within_block
from core.settings import Settings

# Limits of what a decoder may spend on one picture, measured with Pillow 13 on 25 million pixels.
SCAN_PIXELS = 600_000_000  # pixels × scans of a progressive JPEG
PLAIN_PIXELS = 500_000  # decoders that Pillow runs in Python: plain PPM, run-length BMP
# Share of the pixel limit for decoders that keep several copies.
SHARES = {"WEBP": 0.5, "AVIF": 0.7}
MAXIMUM_BLOCKS = 50_000
LONGEST_EDGE = 65_535  # the most that JPEG allows

OTHER_FORMATS = {
    rb"FUJIFILMCCD-RAW|IIRO|MMOR|IIU\x00|FOVb|II\x1a\x00\x00\x00HEAPCCDR": RAW,
    rb"\xff\x0a|\x00\x00\x00\x0cJXL ": "a JPEG XL picture",
    rb"II\xbc\x01": "a JPEG XR picture",
    rb"\x00\x00\x00\x0cjP  |\xff\x4f\xff\x51": "a JPEG 2000 picture",
    rb"\x00\x00\x01\x00|icns": "an icon",
    rb"%PDF": "a PDF document",
    rb"8BPS": "a Photoshop document",
    rb"v/1\x01|#\?RADIANCE": "a picture of high dynamic range (OpenEXR or Radiance)",
    rb"SIMPLE  =": "a FITS file",
    rb".{128}DICM": "a DICOM file",
    rb"\x93NUMPY": "a NumPy array",
    rb"RIFF.{4}AVI |\x1aE\xdf\xa3|\x00\x00\x00\x08wide|.{4}(moov|mdat)": "a video",
    rb"\x89HDF\r\n": "an HDF5 file",
    rb"ZISRAWFILE|\xda\xce\xbe\x0a|\x70\x00\x00\x00.{4}\x2a": "a microscope file (CZI, ND2 or LIF)",
    rb"%!PS|\xc5\xd0\xd3\xc6": "a PostScript drawing",
    rb"ObjectType|NRRD000": "a medical picture (MetaImage or NRRD)",
    rb"PK\x03\x04|\x1f\x8b|BZh|\xfd7zXZ|7z\xbc\xaf|Rar!|\x28\xb5\x2f\xfd": "an archive",
    rb"(\xef\xbb\xbf)?\s*<(?i:!DOCTYPE html|html)": "a web page. Download the picture itself.",
    rb"(\xef\xbb\xbf)?\s*(<[?!].*)?<svg": "an SVG drawing",
    rb"version https://git-lfs": "a pointer of Git LFS. Fetch the picture with `git lfs pull`.",
    rb"bplist00": "what iCloud leaves on this device. Download the picture from iCloud.",
}
"""What other files begin with, and what they are; a sentence with advice ends with a full stop."""
_LONGEST_START = 512
_STARTS = {
    rb"\xff\xd8": "JPEG",
    rb"\x89PNG\r\n": "PNG",
    rb"GIF8": "GIF",
    rb"RIFF....WEBP": "WebP",
    rb"II[*+]\0|MM\0[*+]": "TIFF",
    rb"P[1-7F]\s": "PPM",
}

HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_PICTURE_BRANDS = {b"avif", b"avis", b"avio"}
_RAW_DEPTHS = {b"P5": (255, 65_535), b"P6": (255,)}

Block = tuple[int, int, int]  # offset, kind, size


def check(file: IO[bytes], limits: Settings) -> None:
    """Check the headers of a picture.

    Args:
        file: open for reading, at its start; the position changes.
        limits: the settings.

    Raises:
        BadImage: decoding would take too much time or memory.
    """
    head = file.read(_LONGEST_START)
    if head.startswith(b"\xff\xd8"):
        _check_jpeg(file)
    elif head.startswith(b"\x89PNG\r\n\x1a\n"):
        _count_blocks(_png_chunks(_reader(file)))
    elif head[:3] == b"GIF":
        _count_blocks(_gif_blocks(_reader(file)))
    elif head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        check_size(_webp_size(head), limits, "WEBP")
    elif head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        check_tags(_reader(file))
        check_raw(_reader(file))
    elif head[:2] == b"BM" and len(head) >= 34 and _u32(head, 30) in (1, 2):
        _check_plain(_u32(head, 18), abs(struct.unpack_from("<i", head, 22)[0]))
    elif re.match(rb"P[1-6fy]\s", head):
        _check_ppm(head)
    elif head[4:8] == b"ftyp":
        _check_frames(file, limits)
    else:
        for magic, name in OTHER_FORMATS.items():
            if re.match(magic, head, re.DOTALL):
                raise BadImage(f"Found {name}" if name.endswith(".") else _unread(name))


def kind(file: IO[bytes]) -> str:
    """What a file claims to be that Pillow does not open; empty if it is no picture."""
    file.seek(0)
    start = file.read(12)
    claimed = (name for magic, name in _STARTS.items() if re.match(magic, start, re.DOTALL))
    return next(claimed, "")


def _unread(name: str) -> str:
    return f"Found {name}, which Tusker does not read. Save it as JPEG or PNG."


def is_heic(file: IO[bytes]) -> bool:
    """Whether a file is a HEIC picture; reads from its start and returns there.

    Source: ISO/IEC 23008-12:2022, annex B.
    """
    head = file.read(64)
    file.seek(0)
    box = head[: int.from_bytes(head[:4], "big")]
    brands = {box[at : at + 4] for at in range(8, len(box), 4)}
    return box[4:8] == b"ftyp" and not HEIC_BRANDS.isdisjoint(brands)


def _check_frames(file: IO[bytes], limits: Settings) -> None:
    """Refuse AVIF and HEIC whose coded frames are larger than allowed or than declared."""
    brand = _reader(file)(8, 4)
    if brand == b"crx ":
        raise BadImage(_unread(RAW))
    if brand[:2] in (b"qt", b"is", b"mp", b"3g", b"M4", b"av") and brand not in _PICTURE_BRANDS:
        raise BadImage(_unread("a video"))
    length = file.seek(0, 2)
    declared, coded = declared_and_coded(_reader(file), length)
    widest = max((width for width, _ in declared), default=0)
    highest = max((height for _, height in declared), default=0)
    for width, height in coded:
        check_size((width, height), limits, "AVIF")
        if declared and (width > widest + PADDING or height > highest + PADDING):
            raise BadImage(
                f"This picture declares {widest} × {highest} pixels and holds {width} × {height}. "
                "Save it again."
            )


def check_size(size: tuple[int, int], limits: Settings, kind: str = "", *, times: int = 1) -> None:
    """Check width and height against the pixel limit of a format, or some times that limit.

    Raises:
        BadImage: there are more pixels than allowed.
    """
    if max(size) > LONGEST_EDGE:
        raise BadImage(
            f"Pictures may be up to {LONGEST_EDGE:,} pixels wide and high; this one has "
            f"{size[0]:,} × {size[1]:,}. Make it smaller."
        )
    most = limits.picture_pixels * SHARES.get(kind, 1) * times
    if area(size) > most:
        raise BadImage(
            f"Pictures like this may have up to {most / 1e6:g} million pixels; this one has "
            f"{size[0]} × {size[1]}. Make it smaller, or raise "
            f"{Settings.variable('picture_pixels')}."
        )


def area(size: tuple[int, int]) -> int:
    """Width times height."""
    return size[0] * size[1]


def _check_jpeg(file: IO[bytes]) -> None:
    """Count scans, and check EXIF and multi-picture directories, joined as Pillow joins them."""
    pixels, exif, resources = 0, b"", 0
    read = _reader(file)
    for at, kind, size in _count_blocks(_jpeg_segments(read)):
        body = read(at + 4, size - 2) if kind in (0xE1, 0xE2, 0xED) else read(at + 4, 5)
        resources += body.count(b"8BIM") if kind == 0xED else 0
        if kind == 0xE1 and body.startswith(b"Exif\0\0"):
            exif += body if not exif else body[6:]
        elif kind == 0xE2 and body.startswith(b"MPF\0"):
            check_tags(within_block(body[4:]))
        elif 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            pixels = int.from_bytes(body[1:3], "big") * int.from_bytes(body[3:5], "big")
    if resources > MAXIMUM_BLOCKS:
        raise BadImage("This picture holds too many Photoshop resources. Save it again.")
    if exif:
        check_tags(within_block(exif[6:]))
    scans, last = 0, b""
    file.seek(0)
    while block := file.read(1 << 20):
        scans += (last + block).count(b"\xff\xda")
        last = block[-1:]
    if scans * pixels > SCAN_PIXELS and scans > 20:
        raise BadImage(
            f"This JPEG draws its {pixels:,} pixels {scans} times over. Save it again as an "
            "ordinary JPEG."
        )


def _count_blocks(blocks: Iterator[Block]) -> list[Block]:
    """List blocks, up to a limit: Pillow iterates over them in Python."""
    counted = list(islice(blocks, MAXIMUM_BLOCKS + 1))
    if len(counted) > MAXIMUM_BLOCKS:
        raise BadImage("This picture consists of too many blocks. Save it again.")
    return counted


def _jpeg_segments(read: Reader) -> Iterator[Block]:
    """Segments up to the first scan."""
    at = 2
    while (marker := read(at, 4))[:1] == b"\xff" and len(marker) == 4 and marker[1] != 0xDA:
        size = int.from_bytes(marker[2:], "big")
        yield at, marker[1], size
        at += 1 if marker[1] == 0xFF else 2 + max(size, 2)


def _png_chunks(read: Reader) -> Iterator[Block]:
    at = 8
    while len(head := read(at, 8)) == 8:
        size = int.from_bytes(head[:4], "big")
        yield at, 0, size
        at += 12 + size


def _gif_blocks(read: Reader) -> Iterator[Block]:
    """Extension blocks and their sub-blocks, up to the first picture."""
    flags = read(10, 1)
    at = 13 + (3 << (flags[0] & 7) + 1 if flags and flags[0] & 0x80 else 0)
    while (head := read(at, 2)) and head[0] != 0x2C:
        yield at, head[0], 0
        at += 2 if head[0] == 0x21 else 1
        while head[0] == 0x21 and (size := read(at, 1)) and size[0]:
            yield at, 0, size[0]
            at += 1 + size[0]
        at += head[0] == 0x21


def _check_ppm(head: bytes) -> None:
    """Limit plain text, and depths other than 8 and 16 bits, which Pillow decodes in Python."""
    words = re.sub(rb"#[^\r\n]*", b"", head).split()
    sizes = [int(word) for word in words[1:4] if word.isdigit()]
    plain = words[0] in (b"P1", b"P2", b"P3")
    odd = words[0] in (b"P5", b"P6") and (len(sizes) < 3 or sizes[2] not in _RAW_DEPTHS[words[0]])
    if len(sizes) < 2:
        raise BadImage("The header of this picture has no size. Save it as PNG or JPEG.")
    if plain or odd:
        _check_plain(sizes[0], sizes[1])


def _check_plain(width: int, height: int) -> None:
    if width * height > PLAIN_PIXELS:
        raise BadImage(
            f"Pictures with this encoding may have up to {PLAIN_PIXELS:,} pixels; this one has "
            f"{width} × {height}. Save it as PNG or JPEG."
        )


def _webp_size(head: bytes) -> tuple[int, int]:
    """Size of the canvas, which the decoder allocates before it reports the size.

    Source: RFC 9649, sections 2.5 to 2.7.
    """
    kind = head[12:16]
    if kind == b"VP8X":
        return _u32(head[24:27] + b"\0", 0) + 1, _u32(head[27:30] + b"\0", 0) + 1
    if kind == b"VP8L":
        bits = _u32(head, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return _u32(head, 26) & 0x3FFF, _u32(head, 28) & 0x3FFF


def _reader(file: IO[bytes]) -> Reader:
    def read(offset: int, count: int) -> bytes:
        file.seek(offset)
        return file.read(max(count, 0))

    return read


def _u32(data: bytes, at: int) -> int:
    return int(struct.unpack_from("<I", data, at)[0])
