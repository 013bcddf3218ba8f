import contextlib
import io
import json
import struct
import subprocess
import sys
import textwrap
import tracemalloc
import zlib
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from core import images
from core.errors import BadImage
from core.images import formats
from core.settings import MEGABYTE, Settings
from tests.core.heifs import box
from tests.core.profiles import SRGB, WIDE, with_elements
from tests.shapes import encoded as saved

decode = partial(images.decode, limits=Settings())
decode_and_crop = partial(images.decode_and_crop, limits=Settings())
decode_with_info = partial(images.decode_with_info, limits=Settings())

heif = pytest.mark.skipif("HEIF" not in formats.FORMATS, reason="pillow-heif is not installed")


def scene(width: int = 96, height: int = 64) -> Image.Image:
    """A smooth picture with different corners."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    rgb = np.stack([255 * x, 255 * y, 255 * (1 - x) * (1 - y)], -1)
    return Image.fromarray(rgb.astype(np.uint8))


def close(a: np.ndarray, b: np.ndarray, by: float) -> bool:
    return a.shape == b.shape and np.abs(a.astype(int) - b.astype(int)).mean() <= by


@pytest.mark.parametrize(
    ("kind", "options", "by"),
    [
        ("JPEG", {"quality": 95}, 3),
        ("JPEG", {"quality": 95, "progressive": True}, 3),
        ("PNG", {}, 0),
        ("WEBP", {"quality": 95}, 4),
        ("WEBP", {"lossless": True}, 0),
        ("GIF", {}, 14),  # 256 colours
        ("BMP", {}, 0),
        ("TIFF", {}, 0),
        ("TIFF", {"compression": "tiff_lzw"}, 0),
        ("PPM", {}, 0),
        ("AVIF", {"quality": 95}, 4),
        pytest.param("HEIF", {"quality": 95}, 4, marks=heif),
    ],
)
def test_all_listed_formats_are_read(kind, options, by):
    result = decode_with_info(saved(scene(), kind, **options))
    assert close(result.pixels, np.asarray(scene()), by)
    assert (result.format, result.width, result.height) == (kind, 96, 64)


@pytest.mark.parametrize("kind", ["TGA", "PCX", "SGI", "DDS"])
def test_other_formats_are_refused(kind):
    picture = scene().resize((64, 64))
    with pytest.raises(BadImage, match="expected JPEG"):
        decode(saved(picture, kind))


def test_the_format_is_detected_by_content(tmp_path):
    path = tmp_path / "picture.txt.gif"
    path.write_bytes(saved(scene(), "PNG"))
    assert decode_with_info(path).format == "PNG"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("turn", range(1, 9))
def test_the_exif_orientation_is_applied(turn, kind):
    stored = scene()
    exif = Image.Exif()
    exif[0x0112] = turn
    content = saved(stored, kind, exif=exif, **({"quality": 95} if kind != "TIFF" else {}))
    upright = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
    expected = stored.transpose(upright[turn]) if turn > 1 else stored
    result = decode_with_info(content)
    assert close(result.pixels, np.asarray(expected), 4)
    assert (result.width, result.height) == expected.size


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_file_without_its_end_is_read_if_nearly_all_of_the_picture_is_there(kind):
    noise = np.random.default_rng(0).integers(0, 256, (400, 300, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, kind)
    content = buffer.getvalue()
    whole = decode_with_info(content)
    assert not whole.cut_short
    without_end = decode_with_info(content[: -2 if kind == "JPEG" else -12])
    np.testing.assert_array_equal(without_end.pixels, whole.pixels)
    most = decode_with_info(content[: int(0.97 * len(content))])
    assert most.cut_short
    np.testing.assert_array_equal(most.pixels[:370], whole.pixels[:370])
    with pytest.raises(BadImage, match="incomplete"):
        decode(content[: int(0.9 * len(content))])


def test_cmyk_palettes_and_grey_are_converted_to_rgb():
    assert close(decode(saved(scene().convert("CMYK"), "JPEG", quality=95)), np.asarray(scene()), 4)
    assert close(decode(saved(scene().quantize(256), "PNG")), np.asarray(scene()), 14)
    grey = decode(saved(scene().convert("L"), "PNG"))
    assert np.array_equal(grey[..., 0], np.asarray(scene().convert("L")))
    assert np.array_equal(grey[..., 0], grey[..., 2])
    black_white = decode(saved(scene().convert("1"), "PNG"))
    assert set(np.unique(black_white)) == {0, 255}


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bits_are_scaled(kind):
    ramp = np.linspace(0, 65_535, 256 * 8).astype(np.uint16).reshape(8, 256)
    result = decode(saved(Image.fromarray(ramp), kind))[..., 1]
    assert np.abs(result - ramp / 257).max() <= 0.51


def test_numbers_of_32_bits_keep_their_range():
    for values in (np.linspace(0, 1, 300), np.linspace(0, 255, 300), np.linspace(-7, 4000, 300)):
        picture = Image.fromarray(values.astype(np.float32).reshape(10, 30))
        result = decode(saved(picture, "TIFF"))[..., 0].ravel()
        assert (result.min(), result.max()) == (0, 255)
        assert (np.diff(result.astype(int)) >= 0).all()


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_is_blended_with_white(mode):
    clear = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    clear.paste((0, 0, 0, 255), (0, 0, 4, 8))
    result = decode(saved(clear.convert(mode), "PNG"))
    assert (result[:, :4] == 0).all()
    assert (result[:, 4:] == 255).all()
    half = decode(saved(Image.new("RGBA", (2, 2), (200, 0, 0, 128)), "PNG"))
    assert half[0, 0].tolist() == [227, 127, 127]


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_animations_give_their_first_frame(kind):
    red, blue = Image.new("RGB", (16, 16), "red"), Image.new("RGB", (16, 16), "blue")
    options = {"lossless": True} if kind == "WEBP" else {}
    result = decode(saved(red, kind, save_all=True, append_images=[blue], **options))
    assert result[8, 8].tolist() == [255, 0, 0]


@pytest.mark.parametrize(
    "kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", pytest.param("HEIF", marks=heif)]
)
def test_truncated_pictures_are_refused(kind):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    content = saved(noise, kind)
    for part in (0.02, 0.3, 0.7):
        with pytest.raises(BadImage):
            decode(content[: int(part * len(content))])
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


def test_an_empty_or_missing_file_is_refused(tmp_path):
    with pytest.raises(BadImage, match="Empty"):
        decode(b"")
    with pytest.raises(BadImage, match="No picture"):
        decode(tmp_path / "gone.jpg")


def png_header(width: int, height: int) -> bytes:
    """A PNG with a false size in its header."""
    body = b"IHDR" + struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(b"\0" * 100)
    chunks = b"".join(
        struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c))
        for c in (body, data, b"IEND")
    )
    return b"\x89PNG\r\n\x1a\n" + chunks


@pytest.mark.filterwarnings("ignore:Image size")
@pytest.mark.parametrize(
    ("size", "words"),
    [
        ((5_001, 5_000), "TUSKER_PICTURE_PIXELS"),
        ((12_000, 12_000), "TUSKER_PICTURE_PIXELS"),
        ((60_000, 60_000), "Too many pixels"),
        ((1, 70_000), "65,535 pixels wide"),
    ],
)
def test_too_many_pixels_are_refused_from_the_header(size, words):
    with pytest.raises(BadImage, match=words):
        decode(png_header(*size))


def test_the_limits_are_the_settings():
    small = Settings(picture_pixels=2_000)
    with pytest.raises(BadImage, match="TUSKER_PICTURE_PIXELS"):
        decode(saved(scene(), "PNG"), limits=small)
    with pytest.raises(BadImage, match="TUSKER_PICTURE_MEGABYTES"):
        decode(b"\xff\xd8" + bytes(1 << 20), limits=Settings(picture_megabytes=1))


def jpeg_of_many_scans() -> bytes:
    content = bytearray(saved(Image.new("RGB", (4_000, 4_000)), "JPEG", progressive=True))
    scan = content.index(b"\xff\xda")
    last = bytes(content[scan : content.index(b"\xff", scan + 20)])
    return bytes(content[:-2]) + last * 1_000 + b"\xff\xd9"


def jpeg_with(*segments: tuple[int, bytes]) -> bytes:
    """A JPEG with more segments: the kind and the content of each."""
    plain = saved(scene(), "JPEG")
    more = (b"\xff" + bytes([n]) + struct.pack(">H", len(body) + 2) + body for n, body in segments)
    return plain[:2] + b"".join(more) + plain[2:]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (jpeg_of_many_scans(), "times over"),
        (jpeg_with(*[(0xE1, b"Exif\0\0" + bytes(700))] * 20_000), "too many blocks"),
        (b"\xff\xd8" + b"\xff\xe0\0\2" * 100_000, "too many blocks"),
        (b"\xff\xd8" + b"\xff" * 300_000, "too many blocks"),
        (b"\x89PNG\r\n\x1a\n" + b"\0\0\0\0aaaa\xad\x98\xe5\x45" * 150_000, "too many blocks"),
        (b"GIF89a\1\0\1\0\0\0\0" + b"\x21\xfe" + b"\1x" * 200_000, "too many blocks"),
        (b"P3\n900 900\n255\n" + bytes(2_430_000), "500,000 pixels"),
        (b"P6\n900 900\n100\n" + bytes(2_430_000), "500,000 pixels"),
        (b"P5" + b" " * 2_430_000, "too many blocks"),
        (b"P6 9 9 #" + b"a" * 2_430_000, "too many blocks"),
    ],
    ids=[
        "scans",
        "EXIF",
        "APP0",
        "fill",
        "PNG",
        "GIF",
        "plain PPM",
        "odd depth",
        "spaces",
        "comment",
    ],
)
def test_headers_that_would_take_much_time_or_memory_are_refused(content, words):
    with pytest.raises(BadImage, match=words):
        decode(content)


def test_a_jpeg_is_read_whatever_part_of_it_are_metadata():
    """A second view and a sound are metadata, and programs keep the history of a picture there."""
    assert decode(jpeg_with(*[(0xE1, bytes(65_000))] * 800)).shape == (64, 96, 3)


def test_pictures_whose_decoder_reads_pixel_by_pixel_are_read():
    odd_depth = b"P6\n520 500\n100\n" + bytes(3 * 520 * 500)
    assert decode(odd_depth).shape == (500, 520, 3)


def test_bytes_between_the_segments_of_a_jpeg_hide_nothing():
    content = jpeg_of_many_scans()
    second = content.index(b"\xff\xda", content.index(b"\xff\xda") + 2)
    with pytest.raises(BadImage, match="times over"):
        decode(content[:20] + b"\0" + content[20:])
    for between in (b"\xff\x01", b"\xff\xfe\0\4\xff\xd9"):
        with pytest.raises(BadImage, match="times over"):
            decode(content[:second] + between + content[second:])


def test_the_film_of_a_motion_photo_has_no_scans():
    photo = saved(Image.new("RGB", (4_000, 4_000)), "JPEG")
    film = b"\0\0\0\x18ftypmp42" + b"\xff\xda\1\2" * 1_000
    assert decode(photo + film, shorter_edge=100).shape == (500, 500, 3)


def test_a_jpeg_that_is_damaged_after_its_last_row_is_read_once_more_only(monkeypatch):
    content = saved(scene(400, 400), "JPEG")[:-2] + b"\xff\xc8\0\4\0\0"
    loads: list[int] = []
    load = ImageFile.ImageFile.load
    with monkeypatch.context() as patch, contextlib.suppress(BadImage):
        patch.setattr(ImageFile.ImageFile, "load", lambda self: (loads.append(1), load(self))[1])
        decode(content)
    assert len(loads) <= 2


def test_pixels_that_are_not_finite_are_refused_wherever_they_are():
    for at in ((0, 0), (10, 10)):
        pixels = np.ones((20, 20), np.float32)
        pixels[at] = np.nan
        with pytest.raises(BadImage, match="not finite"):
            decode(saved(Image.fromarray(pixels), "TIFF"))


def test_a_folder_is_no_damaged_picture(tmp_path):
    (tmp_path / "a.jpg").mkdir()
    with pytest.raises(BadImage, match=r"No picture file at a\.jpg"):
        decode(tmp_path / "a.jpg")


@pytest.mark.filterwarnings("ignore:Metadata Warning")
@pytest.mark.parametrize("kind", ["JPEG", "AVIF"])
def test_numbers_in_exif_do_not_become_objects(kind):
    shorts, rationals = 600_000, 200_000
    tags = [(0x112, 3, 1, 6), (0x11A, 5, rationals, 62), (0x128, 3, 1, 2), (60_000, 3, shorts, 62)]
    block = b"II*\0" + struct.pack("<IH", 8, 4) + b"".join(struct.pack("<HHII", *t) for t in tags)
    block = b"Exif\0\0" + block.ljust(62 + 8 * rationals + 2 * shorts, b"\1")
    parts = [block[:6] + block[at : at + 65_000] for at in range(6, len(block), 65_000)]
    if kind == "JPEG":
        content = jpeg_with(*[(0xE1, part) for part in parts])
    else:
        content = saved(scene(), kind, exif=block)
    tracemalloc.start()
    with contextlib.suppress(BadImage):
        decode(content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * MEGABYTE


@pytest.mark.parametrize(
    "inside",
    [
        box(b"free", b"") * 100_000,
        # Sixty thousand items, each of sixty thousand extents of no bytes.
        box(b"iloc", bytes(4) + b"\0\0\xea\x60" + b"\0\1\0\0\xff\xff" * 60_000),
        # The same in small boxes, each within the limit.
        box(b"iloc", bytes(4) + b"\0\0\0\1\0\1\0\0\xc0\0") * 40,
        # A few items, each of the whole file twice.
        box(b"iloc", bytes(4) + b"\x44\0\0\xc8" + (b"\0\1\0\0\0\2" + bytes(16)) * 200)
        + bytes(1 << 18),
        # Items that may begin in each of many boxes, and frames that are described many times.
        box(b"iloc", b"\1\0\0\0\4\0" + b"\x13\x88" + b"\0\1\0\1\0\0\0\1\0\0\0\4" * 5_000)
        + box(b"idat", b"") * 5_000,
        (box(b"stco", bytes(16)) + box(b"stsz", bytes(16))) * 5_000,
        box(b"iloc", bytes(4) + b"\4\0" + b"\x13\x88" + b"\0\1\0\0\0\1\0\0\0\4" * 5_000)
        + box(b"av1C", bytes(4) + b"\x0a\x06\x18\x15\x7f\xfc\0\0") * 5_000,
        box(b"av1C", bytes(4) + b"\x12\0" * 100_000),
        box(b"hvcC", bytes(22) + b"\2" + (b"\x20\x75\x30" + bytes(60_000)) * 2),
    ],
    ids=[
        "boxes",
        "extents",
        "boxes of extents",
        "pieces",
        "starts",
        "samples",
        "frames",
        "units",
        "parameter sets",
    ],
)
def test_an_avif_of_endless_blocks_is_refused(inside):
    head = box(b"ftyp", b"avif\0\0\0\0avifmif1")
    with pytest.raises(BadImage, match="too many blocks"):
        decode(head + box(b"meta", bytes(4) + inside))


def test_a_jpeg_of_up_to_four_times_the_pixel_limit_is_read_at_half_its_size():
    picture = scene(800, 600)
    content = saved(picture, "JPEG", quality=95)
    result = decode_with_info(content, limits=Settings(picture_pixels=200_000))
    assert (result.width, result.height) == (800, 600)
    half = picture.resize((400, 300), Image.Resampling.BOX)
    assert close(result.pixels, np.asarray(half), 3)
    with pytest.raises(BadImage, match="TUSKER_PICTURE_PIXELS"):
        decode(content, limits=Settings(picture_pixels=100_000))
    at = content.index(b"\xff\xda") + 4
    first_scan_of_three = content[:at] + b"\1" + content[at + 1 :]
    progressive = saved(picture, "JPEG", progressive=True)
    for in_memory in (progressive, first_scan_of_three):  # with all coefficients
        with pytest.raises(BadImage, match="TUSKER_PICTURE_PIXELS"):
            decode(in_memory, limits=Settings(picture_pixels=200_000))
    with pytest.raises(BadImage, match="TUSKER_PICTURE_PIXELS"):
        decode(saved(picture, "PNG"), limits=Settings(picture_pixels=200_000))


MANY_BANDS = saved(scene(), "TIFF").replace(
    b"\x15\1\3\0\1\0\0\0\3", b"\x15\1\3\0\1\0\0\0\x0d"
)  # SamplesPerPixel


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (saved(scene(), "TIFF", tiffinfo={50_706: b"\1\4\0\0"}), "camera raw"),
        (b"FUJIFILMCCD-RAW 0201", "camera raw"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "camera raw"),
        (saved(scene(), "JPEG2000"), "JPEG 2000"),
        (b"\xff\x0a" + bytes(60), "JPEG XL"),
        (saved(scene(), "PDF"), "PDF"),
        (saved(scene(), "ICO"), "icon"),
        (b"8BPS\0\1" + bytes(60), "Photoshop"),
        (b"<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"<!-- Generator: Illustrator -->\n<svg/>", "SVG"),
        (b"\n<!doctype html><html><body>404</body></html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a", "git lfs pull"),
        (b"bplist00" + bytes(60), "from iCloud"),
        (bytes(128) + b"DICM" + bytes(60), "DICOM"),
        (b"ZISRAWFILE" + bytes(60), "microscope"),
        (b"p\0\0\0\1\2\3\4*" + bytes(60), "microscope"),
        (b"\x89HDF\r\n\x1a\n" + bytes(60), "HDF5"),
        (saved(scene(), "EPS"), "PostScript"),
        (b"\0\0\0\x14ftypqt  \0\0\0\0qt  " + bytes(60), "video"),
        (b"PK\3\4" + bytes(60), "an archive"),
        (MANY_BANDS, "This TIFF file is damaged, or of a kind"),
        (saved(scene(), "AVIF")[:200], "This AVIF or HEIC file is damaged"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_files_of_other_formats_are_refused_by_name_and_only_there(content, name, caplog):
    with pytest.raises(BadImage, match=name):
        decode(content)
    assert not caplog.records


def test_16_bits_of_which_0_is_white_are_turned_round():
    grey = np.asarray(scene().convert("L"))
    stored = Image.fromarray(65_535 - grey.astype(np.uint16) * 257)
    content = saved(stored, "TIFF", tiffinfo={262: 0})
    assert close(decode(content), np.repeat(grey[..., None], 3, 2), 1)


def test_a_colour_map_in_8_bits_is_taken_for_what_it_is():
    palette = scene().quantize(64)
    colours = np.reshape(palette.getpalette()[: 3 * 64], (64, 3))
    eight_bits = np.zeros((3, 256), int)
    eight_bits[:, :64] = colours.T
    content = saved(palette, "TIFF", tiffinfo={320: tuple(eight_bits.ravel().tolist())})
    assert close(decode(content), np.asarray(palette.convert("RGB")), 0)


def test_a_bitmap_whose_alpha_is_unused_is_opaque():
    picture = scene().convert("RGBA")
    picture.putalpha(0)
    header = b"BM" + struct.pack("<IHHI", 0, 0, 0, 14 + 124)
    header += struct.pack("<IiiHHIIiiII", 124, 96, 64, 1, 32, 3, 0, 2835, 2835, 0, 0)
    header += struct.pack("<4I", 0x00FF0000, 0x0000FF00, 0x000000FF, 0xFF000000) + bytes(68)
    blue_first = np.asarray(picture)[::-1, :, [2, 1, 0, 3]].tobytes()
    assert close(decode(header + blue_first), np.asarray(scene()), 0)


def test_numbers_a_little_beyond_white_are_white():
    for white in (1.0, 255.0):
        values = np.linspace(0, 1.002 * white, 300).astype(np.float32).reshape(10, 30)
        result = decode(saved(Image.fromarray(values), "TIFF"))[..., 0]
        assert np.abs(result / 255 - values / white).max() < 0.005


def test_dark_pictures_of_16_bits_stay_dark_in_every_format():
    ramp = np.linspace(0, 255, 256).astype(np.uint16).reshape(8, 32)
    pgm = b"P5 32 8 65535\n" + ramp.astype(">u2").tobytes()
    for content in (pgm, saved(Image.fromarray(ramp), "PNG"), saved(Image.fromarray(ramp), "TIFF")):
        assert decode(content).max() == 1


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "AVIF"])
def test_colours_of_a_wide_profile_are_converted(kind):
    muted = Image.new("RGB", (64, 64), (210, 110, 80))
    plain, wide = (
        decode(saved(muted, kind, **profile)).mean((0, 1))
        for profile in ({}, {"icc_profile": WIDE})
    )
    # Display P3 (210, 110, 80) in sRGB, from the matrices of CSS Color 4.
    assert np.abs(wide - (226, 103, 70)).max() < 4
    assert np.abs(plain - (210, 110, 80)).max() < 4
    assert np.abs(decode_and_crop(saved(muted, kind, icc_profile=WIDE), 8) - wide).max() < 4


def test_a_profile_is_read_without_its_list_of_elements():
    """Each of its elements, of which a small file can list millions, would be applied."""
    content = saved(scene(), "PNG", icc_profile=with_elements(3))
    np.testing.assert_array_equal(decode(content), decode(saved(scene(), "PNG", icc_profile=WIDE)))


@pytest.mark.parametrize("profile", [SRGB, WIDE[:200], b"no profile"])
def test_profiles_that_say_nothing_are_ignored(profile):
    content = saved(scene(), "PNG", icc_profile=profile)
    np.testing.assert_array_equal(decode(content), np.asarray(scene()))
    grey = saved(scene().convert("L"), "PNG", icc_profile=WIDE)  # of another mode
    np.testing.assert_array_equal(decode(grey)[..., 0], np.asarray(scene().convert("L")))


def photograph(width: int, height: int) -> Image.Image:
    grain = np.random.default_rng(0).integers(0, 255, (height // 4, width // 4, 3), np.uint8)
    return Image.fromarray(grain).resize((width, height), Image.Resampling.BICUBIC)


def resized_and_cropped(picture: Image.Image) -> np.ndarray:
    scale = 256 / min(picture.size)
    width, height = (round(edge * scale) for edge in picture.size)
    resized = picture.resize((width, height), Image.Resampling.BICUBIC)
    left, top = round((width - 224) / 2), round((height - 224) / 2)
    return np.asarray(resized.crop((left, top, left + 224, top + 224)))


@pytest.mark.parametrize(
    "size", [(768, 512), (512, 1_024), (320, 320), (96, 64), (500, 375), (375, 500), (1_001, 667)]
)
def test_fit_is_close_to_resizing_to_256_and_cropping_224(size):
    picture = scene(*size)
    fitted = images.crop_and_resize(np.asarray(picture), 224, 224 / 256)
    assert close(fitted, resized_and_cropped(picture), 1)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "CMYK"])
@pytest.mark.parametrize("turn", [1, 6])
def test_load_is_decode_and_fit(tmp_path, mode, turn):
    exif = Image.Exif()
    exif[0x0112] = turn
    kind = "TIFF" if mode == "CMYK" else "PNG"
    path = tmp_path / "a"
    path.write_bytes(saved(photograph(500, 375).convert(mode), kind, exif=exif))
    expected = images.crop_and_resize(decode(path), 224, 0.875)
    result = decode_and_crop(path, 224, 0.875)
    np.testing.assert_array_equal(result, expected)
    assert result.shape == (224, 224, 3)
    assert result.dtype == np.uint8


@pytest.mark.parametrize(
    ("kind", "mode"), [("PNG", "RGB"), ("PNG", "RGBA"), ("PNG", "I;16"), ("WEBP", "RGB")]
)
def test_for_the_screen_every_format_is_reduced_by_the_mean_of_its_pixels(kind, mode):
    picture = scene(1030, 701)
    if mode == "I;16":
        picture = Image.fromarray(np.asarray(picture.convert("L"), np.uint16) * 257)
    content = saved(picture if mode == "I;16" else picture.convert(mode), kind, lossless=True)
    whole, small = decode(content), decode(content, shorter_edge=100, for_screen=True)
    assert small.shape == (101, 148, 3), "a seventh, where a part of seven pixels counts, too"
    inner = whole[:700, :1029].reshape(100, 7, 147, 7, 3).mean(axis=(1, 3))
    assert np.abs(small[:100, :147] - inner).max() <= 1
    assert decode(content, shorter_edge=100).shape == whole.shape, "not for a model"


def test_decoding_at_reduced_size_keeps_the_edge_and_changes_little():
    content = saved(photograph(2_000, 1_500), "JPEG", quality=95)
    drafted = decode(content, shorter_edge=256)
    assert drafted.shape == (375, 500, 3)
    full = images.crop_and_resize(decode(content), 224, 0.875)
    assert close(decode_and_crop(content, 224, 0.875), full, 3)


def test_a_thumbnail_is_a_small_jpeg():
    with Image.open(io.BytesIO(images.thumbnail(np.asarray(photograph(400, 200))))) as small:
        assert (small.format, small.size) == ("JPEG", (160, 80))


@heif
def test_without_pillow_heif_only_heic_is_refused(tmp_path: Path):
    contents = {kind: saved(scene(), kind) for kind in ("HEIF", "AVIF", "JPEG")}
    for kind, content in contents.items():
        (tmp_path / kind).write_bytes(content)
    program = f"""
        import json, pathlib, sys
        sys.modules["pillow_heif"] = None  # as if it were not installed
        from core import images
        from core.errors import BadImage
        from core.settings import Settings
        results = dict()
        for kind in ("HEIF", "AVIF", "JPEG"):
            try:
                path = pathlib.Path({str(tmp_path)!r}) / kind
                results[kind] = images.decode_with_info(path, limits=Settings()).format
            except BadImage as error:
                results[kind] = str(error)
        print(json.dumps(results))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        check=True,
        cwd=Path(__file__).parents[3],
        timeout=60,
    )
    results = json.loads(done.stdout)
    assert "HEIC" in results["HEIF"] and "pillow-heif" in results["HEIF"]
    assert (results["AVIF"], results["JPEG"]) == ("AVIF", "JPEG")
