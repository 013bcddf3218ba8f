"""Recognise files that are not pictures, and pictures in formats that are not supported."""

import re

from core.errors import BadImage
from core.images.formats import FORMATS
from core.images.tags import RAW

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
    rb".{4}ftypcrx ": RAW,
    rb"RIFF.{4}AVI |\x1aE\xdf\xa3|\x00\x00\x00\x08wide|.{4}(moov|mdat)": "a video",
    rb".{4}ftyp(?!avi[fso])(qt|is|mp|3g|M4|av)": "a video",
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
"""First bytes of other files, and what they are; a sentence with advice ends with a full stop."""
if "HEIF" not in FORMATS:  # brands of ISO/IEC 23008-12:2022, annex B
    OTHER_FORMATS[rb".{4}ftyp(.{4}){0,12}?(hei[cxms]|hev[cxms])"] = (
        "a HEIC picture, which this host cannot read. Save it as JPEG, or have the host install "
        "pillow-heif."
    )
_STARTS = {
    rb"\xff\xd8": "JPEG",
    rb"\x89PNG\r\n": "PNG",
    rb"GIF8": "GIF",
    rb"RIFF....WEBP": "WebP",
    rb"II[*+]\0|MM\0[*+]": "TIFF",
    rb"P[1-7Ff]\s": "PPM",
    rb".{4}ftyp": "AVIF or HEIC",
}


def check(head: bytes) -> None:
    """Refuse a file by what it begins with, if that is known.

    Raises:
        BadImage: says what it is.
    """
    for magic, name in OTHER_FORMATS.items():
        if re.match(magic, head, re.DOTALL):
            unread = f"{name}, which Tusker does not read. Save it as JPEG or PNG."
            raise BadImage(f"Found {name if name.endswith('.') else unread}")


def kind(content: bytes) -> str:
    """The format that a file starts like, although Pillow does not open it; empty for others."""
    claimed = (name for magic, name in _STARTS.items() if re.match(magic, content, re.DOTALL))
    return next(claimed, "")
