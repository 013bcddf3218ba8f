"""Pictures that Pillow takes otherwise than their formats define them."""

import struct
import zlib
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core import images
from core.errors import BadImage
from core.images import formats
from core.settings import Settings
from tests.core.profiles import GREY
from tests.core.tiffs import DEFLATE, tiff
from tests.shapes import encoded as saved

decode = partial(images.decode, limits=Settings())
decode_with_info = partial(images.decode_with_info, limits=Settings())

WIDTH, HEIGHT = 60, 40
RAMP = np.add.outer(np.arange(HEIGHT), 3 * np.arange(WIDTH)).astype(np.uint8)
COLOURS = np.stack([RAMP, RAMP[::-1], RAMP[:, ::-1]], -1)
EXIF = b"II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0"  # orientation 6


def grey(levels: np.ndarray) -> np.ndarray:
    return np.repeat(levels[..., None], 3, 2)


def chunk(kind: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def png(rows: np.ndarray, bits: int, colour: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of packed rows, (h, bytes) uint8."""
    width = rows.shape[1] * 8 // bits // (3 if colour == 2 else 1)
    header = struct.pack(">IIBBBBB", width, len(rows), bits, colour, 0, 0, 0)
    pixels = zlib.compress(np.pad(rows, ((0, 0), (1, 0))).tobytes())
    parts = [(b"IHDR", header), *chunks, (b"IDAT", pixels), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("compression", [1, DEFLATE])
@pytest.mark.parametrize("number", [np.uint16, np.int16, np.int32, np.float32])
def test_the_order_of_the_bytes_of_a_number_changes_nothing(number, compression, order):
    form = {"u": 1, "i": 2, "f": 3}[np.dtype(number).kind]
    white = {340: (9, [0]), 341: (9, [255])}
    plane = RAMP.astype(number)[..., None]
    content = tiff([plane], 1, order=order, compression=compression, form=form, tags=white)
    np.testing.assert_array_equal(decode(content), grey(RAMP))


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("compression", [1, DEFLATE])
def test_colours_of_16_bits_in_separate_planes_are_read(compression, order, tmp_path: Path):
    planes = [COLOURS[..., band].astype(np.uint16) * 257 for band in range(3)]
    content = tiff(planes, 2, order=order, compression=compression)
    np.testing.assert_array_equal(decode(content), COLOURS)
    path = tmp_path / "picture.tif"
    path.write_bytes(content)
    np.testing.assert_array_equal(decode(path), COLOURS)
    assert decode_with_info(content).depth is None  # its lower bytes cannot be had


def test_grey_of_16_bits_in_one_separate_plane_is_read():
    content = tiff([RAMP.astype(np.uint16) * 257], 1)
    np.testing.assert_array_equal(decode(content), grey(RAMP))


def test_subsampled_colours_without_compression_are_read():
    luma, *chroma = np.asarray(Image.fromarray(COLOURS).convert("YCbCr")).transpose(2, 0, 1)
    blocks = luma.reshape(HEIGHT // 2, 2, WIDTH // 2, 2).swapaxes(1, 2).reshape(-1, 4)
    units = np.concatenate([blocks, *(each[::2, ::2].reshape(-1, 1) for each in chroma)], 1)
    size = {256: (3, [WIDTH]), 257: (3, [HEIGHT]), 277: (3, [3]), 258: (3, [8] * 3)}
    content = tiff([units[..., None]], 6, tags={**size, 530: (3, [2, 2]), 339: (3, [1] * 3)})
    assert np.abs(decode(content).astype(int) - COLOURS).mean() < 4


def test_premultiplied_grey_is_read():
    opacity = np.full_like(RAMP, 128)
    content = tiff([np.stack([RAMP // 2, opacity], -1)], 1, tags={338: (3, [1])})
    expected = 255 - (255 - RAMP.astype(int)) // 2
    assert np.abs(decode(content)[..., 0] - expected).max() <= 2


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (tiff([RAMP.astype(np.uint32)[..., None] << 24], 1), "over 2,147"),
        (tiff([RAMP.astype(np.float32)[..., None]], 0, form=3), "0 is white"),
        (tiff([RAMP, RAMP], 1, tags={338: (3, [2])}), "separate planes"),
        (tiff([RAMP, RAMP], 1, compression=DEFLATE, tags={338: (3, [2])}), "separate planes"),
    ],
)
def test_what_would_be_misread_is_refused(content: bytes, words: str):
    with pytest.raises(BadImage, match=words):
        decode(content)


@pytest.mark.parametrize("first", [1, 4])
def test_a_tiff_that_begins_with_a_preview_or_a_mask_is_refused_if_its_picture_follows(first):
    def pages(*later: int) -> bytes:
        others = [Image.fromarray(COLOURS) for _ in later]
        for page, kind in zip(others, later, strict=True):
            page.encoderinfo = {"tiffinfo": {254: kind}}
        options = {"tiffinfo": {254: first}, "save_all": True, "append_images": others}
        return saved(Image.fromarray(COLOURS), "TIFF", **options)

    with pytest.raises(BadImage, match="preview"):
        decode(pages(1, 0))
    for content in (pages(), pages(first)):  # some programs mark each page
        assert decode(content).shape == COLOURS.shape


@pytest.mark.parametrize(("bits", "step"), [(2, 85), (4, 17)])
def test_the_transparent_level_of_few_bits_becomes_white(bits, step):
    rows = np.full((8, 4), 0b01101100 if bits == 2 else 0x1D, np.uint8)
    levels = [1, 2, 3, 0] if bits == 2 else [1, 13]
    result = decode(png(rows, bits, 0, (b"tRNS", b"\0\1")))[0, : len(levels), 0]
    assert result.tolist() == [255 if level == 1 else step * level for level in levels]


def test_transparent_values_of_16_bits_become_white():
    values = np.array([[0, 300, 65_535]], ">u2")
    level = (b"tRNS", struct.pack(">H", 300))
    assert decode(png(values.view(np.uint8), 16, 0, level))[0, :, 0].tolist() == [0, 255, 255]


def test_grey_with_transparency_has_the_colours_of_grey_without():
    plain = decode(saved(Image.fromarray(RAMP), "PNG", icc_profile=GREY))
    opaque = Image.fromarray(np.stack([RAMP, np.full_like(RAMP, 255)], -1), "LA")
    np.testing.assert_array_equal(decode(saved(opaque, "PNG", icc_profile=GREY)), plain)
    assert plain.mean() > RAMP.mean() + 20


def test_floats_of_pfm_are_scaled_as_those_of_tiff():
    for white in (1, 255):
        values = (RAMP / RAMP.max() * white).astype("<f4")
        content = b"Pf %d %d -1.0\n" % (WIDTH, HEIGHT) + values[::-1].tobytes()
        assert decode(content).max() == 255
        assert abs(decode(content).mean() - RAMP.mean() / RAMP.max() * 255) < 1


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("part", [0.3, 0.8])
def test_zeros_in_place_of_the_end_of_a_file_are_no_pixels(part, kind):
    noise = np.random.default_rng(0).integers(0, 256, (400, 300, 3), np.uint8)
    whole = saved(Image.fromarray(noise), kind)
    count = int(part * len(whole))
    with pytest.raises(BadImage, match="incomplete"):
        decode(whole[:count] + bytes(len(whole) - count))
    np.testing.assert_array_equal(decode(whole + bytes(5000)), decode(whole))
    late = int(0.99 * len(whole))
    assert decode_with_info(whole[:late] + bytes(len(whole) - late)).cut_short


@pytest.mark.parametrize(
    "text", [b'<x tiff:Orientation="6"/>', b"<tiff:Orientation>6</tiff:Orientation>"]
)
@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_the_orientation_may_be_in_xmp(kind, text):
    assert decode_with_info(saved(Image.fromarray(COLOURS), kind, xmp=text)).width == HEIGHT


def test_xmp_does_not_turn_an_avif_which_has_properties_for_that():
    orientation = b'<x tiff:Orientation="6"/>'
    content = saved(Image.fromarray(COLOURS), "AVIF", xmp=orientation)
    assert orientation in content
    assert decode_with_info(content).width == WIDTH


@pytest.mark.parametrize(("headings", "size"), [(0, (60, 40)), (1, (60, 40)), (9, (40, 60))])
def test_exif_of_png_may_have_the_heading_of_jpeg_once(headings, size):
    # Removing a million headings one by one would take minutes.
    content = saved(Image.fromarray(COLOURS), "PNG")
    turned = content[:33] + chunk(b"eXIf", headings * b"Exif\0\0" + EXIF) + content[33:]
    assert decode(turned).shape[:2] == size


def test_a_tiff_turned_by_xmp_has_the_size_of_its_pixels():
    result = decode_with_info(
        saved(Image.fromarray(COLOURS), "TIFF", tiffinfo={700: b'<x tiff:Orientation="6"/>'})
    )
    assert (result.height, result.width, 3) == result.pixels.shape == (WIDTH, HEIGHT, 3)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "AVIF"])
def test_animations_are_known(kind):
    frames = [Image.fromarray(COLOURS), Image.fromarray(255 - COLOURS)]
    assert not decode_with_info(saved(frames[0], kind)).has_frames
    for options in ({}, {"duration": 50}):
        moving = saved(frames[0], kind, save_all=True, append_images=frames[1:], **options)
        assert decode_with_info(moving).has_frames


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_a_picture_for_displays_of_high_dynamic_range_is_refused(kind):
    if kind not in formats.FORMATS:
        pytest.skip("pillow-heif is not installed")
    content = saved(Image.fromarray(COLOURS), kind)
    start = content.index(b"nclx") + 4
    perceptual = content[: start + 2] + struct.pack(">H", 16) + content[start + 4 :]
    with pytest.raises(BadImage, match="high dynamic range"):
        decode(perceptual)
    assert decode(content).shape == COLOURS.shape


def test_a_frame_of_a_film_of_high_dynamic_range_is_refused_and_others_are_read():
    rows, profile = COLOURS.reshape(HEIGHT, -1), (b"tEXt", b"Comment\0cICP")
    standard = png(rows, 8, 2, profile, (b"cICP", b"\1\15\0\1"))
    np.testing.assert_array_equal(decode(standard), COLOURS)
    with pytest.raises(BadImage, match="high dynamic range"):
        decode(png(rows, 8, 2, profile, (b"cICP", b"\11\20\0\1")))


def test_the_long_history_that_an_editor_stored_is_no_damage():
    history = zlib.compress(np.random.default_rng(0).integers(97, 122, 3 << 20, np.uint8).tobytes())
    content = png(COLOURS.reshape(HEIGHT, -1), 8, 2, (b"zTXt", b"history\0\0" + history))
    np.testing.assert_array_equal(decode(content), COLOURS)


@pytest.mark.parametrize("kind", ["WEBP", "AVIF", "HEIF"])
def test_a_file_of_which_only_the_first_part_was_copied_is_damaged(kind):
    if kind not in formats.FORMATS:
        pytest.skip("pillow-heif is not installed")
    noise = np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8)
    content = saved(Image.fromarray(noise), kind, quality=90)
    assert decode(content + bytes(4096)).shape == noise.shape, "behind the end, zeros do no harm"
    copied = content[: int(0.6 * len(content))]
    with pytest.raises(BadImage, match="Damaged or incomplete"):
        decode(copied + bytes(len(content) - len(copied)))


@pytest.mark.parametrize("options", [{"quality": 0}, {"quality": 90}, {"lossless": True}])
@pytest.mark.parametrize("edge", [1, 64, 1000])
def test_a_webp_of_a_single_colour_may_end_in_zeros(edge, options):
    white = Image.new("RGB", (edge, edge), "white")
    assert decode(saved(white, "WEBP", **options)).min() > 250


@pytest.mark.parametrize("metadata", ["exif", "xmp"])
def test_the_metadata_of_a_webp_may_be_padded_with_zeros(metadata):
    padded = {metadata: b"II*\0" + bytes(2048)}
    assert decode(saved(Image.new("RGB", (64, 64), "white"), "WEBP", **padded)).min() > 250
