"""The frames of AVIF and HEIC are checked wherever they are, and however many."""

import contextlib
import io
import struct
from functools import partial

import numpy as np
import pytest
from PIL import Image

from core import images
from core.errors import BadImage
from core.images import coded_size, formats
from core.settings import Settings
from tests.core.heifs import Item, box, build, grid, ispe, parts_of

decode = partial(images.decode, limits=Settings())
LIMITS = Settings(picture_pixels=200_000)
KINDS = pytest.mark.parametrize(
    ("form", "brand", "kind"),
    [
        ("AVIF", b"avif", b"av01"),
        pytest.param(
            "HEIF",
            b"heic",
            b"hvc1",
            marks=pytest.mark.skipif("HEIF" not in formats.FORMATS, reason="no pillow-heif"),
        ),
    ],
)


def encoded(form: str, width: int, height: int) -> tuple[list[bytes], bytes]:
    """The properties of a picture, and its frame."""
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), (90, 30, 10)).save(buffer, form, quality=50)
    return parts_of(buffer.getvalue())


def lying(form: str, width: int = 100, height: int = 100) -> tuple[list[bytes], bytes]:
    """A frame of 640 × 480, whose properties declare another size and do not describe the frame."""
    properties, frame = encoded(form, 640, 480)
    declared = [ispe(width, height) if p[4:8] == b"ispe" else p for p in properties]
    return [box(b"av1C", p[8:12]) if p[4:8] == b"av1C" else p for p in declared], frame


@pytest.mark.parametrize("in_box", [False, True])
@KINDS
def test_pictures_are_read_wherever_their_frames_are(form, brand, kind, in_box):
    properties, frame = encoded(form, 640, 480)
    item = Item(kind, frame, (*range(1, len(properties) + 1),), cuts=(1, 5))
    assert decode(build(brand, [item], properties, in_box=in_box)).shape == (480, 640, 3)


@pytest.mark.parametrize("in_box", [False, True])
@KINDS
def test_a_frame_that_is_larger_than_declared_is_found_wherever_it_is(form, brand, kind, in_box):
    properties, frame = lying(form)
    item = Item(kind, frame, (*range(1, len(properties) + 1),))
    content = build(brand, [item], properties, in_box=in_box)
    with pytest.raises(BadImage, match="declares 100 × 100 pixels and holds 640 × 480"):
        decode(content)
    with pytest.raises(BadImage, match="TUSKER_PICTURE_PIXELS"):
        decode(content, limits=LIMITS)


def test_a_header_in_pieces_is_read_as_the_decoder_does():
    """What follows the first piece in the file is another header, of a small frame."""
    properties, frame = lying("AVIF")
    _, small = encoded("AVIF", 100, 100)
    at = frame.index(b"\x0a") + 2  # a sequence header and its size
    item = Item(b"av01", frame, (*range(1, len(properties) + 1),), (), (at,), small[at:])
    with pytest.raises(BadImage, match="holds 640 × 480"):
        decode(build(b"avif", [item], properties))


def test_an_avif_that_is_to_be_cropped_is_refused_unless_only_by_the_padding_of_its_encoder():
    properties, frame = encoded("AVIF", 640, 480)
    for width, is_padding in ((320, False), (639, True)):
        clean_aperture = box(b"clap", struct.pack(">8I", width, 1, 480, 1, 0, 1, 0, 1))
        cropped = [*properties, clean_aperture]
        item = Item(b"av01", frame, (*range(1, len(cropped) + 1),))
        with contextlib.nullcontext() if is_padding else pytest.raises(BadImage, match="cropped"):
            coded_size.check(build(b"avif", [item], cropped), Settings())


@KINDS
def test_a_picture_of_very_many_frames_is_refused(form, brand, kind):
    """A decoder would decode each that is hidden before it gets to the first that is shown."""
    properties, frame = encoded(form, 2_048, 2_048)
    item = Item(kind, frame * 200, (*range(1, len(properties) + 1),))
    with pytest.raises(BadImage, match="frames of this picture have 839 million pixels"):
        decode(build(brand, [item], properties))


def test_a_sequence_of_many_frames_gives_its_first():
    buffer = io.BytesIO()
    frames = [Image.new("RGB", (1_024, 1_024), (shade, 0, 0)) for shade in range(0, 200, 2)]
    frames[0].save(buffer, "AVIF", save_all=True, append_images=frames[1:] * 6, speed=10)
    assert decode(buffer.getvalue()).shape == (1_024, 1_024, 3)


def test_each_track_of_a_sequence_is_read_by_its_own_sizes(monkeypatch):
    """The frames of its transparency are far smaller than those of its colours."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (60, 256, 256, 4), np.uint8)
    noise[..., 3] = 200
    frames = [Image.fromarray(each) for each in noise]
    buffer = io.BytesIO()
    frames[0].save(buffer, "AVIF", save_all=True, append_images=frames[1:], speed=10, quality=95)
    content = buffer.getvalue()
    monkeypatch.setattr(coded_size, "SCAN_PIXELS", 256 * 256)  # of one frame
    assert decode(content).shape == (256, 256, 3)


def tiled(rows: int, columns: int, size: tuple[int, int], edge: int = 512, **more: object) -> bytes:
    """A HEIC picture put together from the same tile, with other contents or kinds in `more`."""
    properties, tile = encoded("HEIF", edge, edge)
    parts = (2,) * (rows * columns)
    whole = {"kind": b"grid", "content": grid(rows, columns, *size), "properties": (3,)} | more
    items = [Item(parts=parts, **whole), Item(b"hvc1", tile, (1, 2))]
    named = {each[4:8]: each for each in properties}
    return build(b"heic", items, [named[b"ispe"], named[b"hvcC"], ispe(*size)])


heif = pytest.mark.skipif("HEIF" not in formats.FORMATS, reason="pillow-heif is not installed")


@heif
def test_a_picture_of_tiles_is_read():
    assert decode(tiled(2, 3, (1_500, 1_000))).shape == (1_000, 1_500, 3)


@heif
def test_a_photograph_of_24_megapixels_with_its_gain_map_is_read():
    """As iPhones write it: tiles of 512 pixels, and a map of half the size in a single frame."""
    (properties, tile), (others, gain) = encoded("HEIF", 512, 512), encoded("HEIF", 2_856, 2_142)
    of_tile, of_map = ({p[4:8]: p for p in found} for found in (properties, others))
    size = (5_712, 4_284)
    items = [
        Item(b"grid", grid(9, 12, *size), (3,), (2,) * 108),
        Item(b"hvc1", tile, (1, 2)),
        Item(b"hvc1", gain, (4, 5)),
    ]
    declared = [of_tile[b"ispe"], of_tile[b"hvcC"], ispe(*size), of_map[b"ispe"], of_map[b"hvcC"]]
    assert decode(build(b"heic", items, declared)).shape == (4_284, 5_712, 3)


@heif
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        # Of tiles that lie outside the picture, and of a canvas that is larger than declared.
        (lambda: tiled(12, 250, (512, 512)), "frames of this picture have 786 million pixels"),
        (
            lambda: tiled(1, 1, (512, 512), content=grid(1, 1, 4_000, 4_000)),
            "declares 512 × 512 pixels and holds 4000 × 4000",
        ),
        (
            lambda: tiled(1, 1, (512, 512), content=grid(1, 1, 60_000, 60_000)),
            "TUSKER_PICTURE_PIXELS",
        ),
        # Layers on a canvas, which only their data describe, and tiles of tiles.
        (
            lambda: tiled(
                *(1, 1, (512, 512)),
                kind=b"iovl",
                content=struct.pack(">BB4HIIii", 0, 1, 0, 0, 0, 0, 16_000, 16_000, 0, 0),
            ),
            "of one frame, or of tiles",
        ),
        (
            lambda: build(
                b"heic",
                [
                    Item(b"grid", grid(1, 1, 64, 64), (1,), (2,)),
                    Item(b"grid", grid(1, 1, 64, 64), (1,), (1,)),
                ],
                [ispe(64, 64)],
            ),
            "of one frame, or of tiles",
        ),
    ],
)
def test_what_a_picture_is_put_together_from_is_bounded(content, reason):
    with pytest.raises(BadImage, match=reason):
        decode(content())


@heif
@pytest.mark.parametrize("used", [(2, 3), (2,), (2, 3, 4)])
def test_the_properties_of_a_tile_are_those_that_the_decoder_takes(used):
    """Others describe a smaller frame; boxes inside a property are none."""
    properties, tile = encoded("HEIF", 2_048, 2_048)
    others, _ = encoded("HEIF", 64, 64)
    large, small = ({p[4:8]: p for p in found} for found in (properties, others))
    items = [
        Item(b"grid", grid(20, 20, 2_048, 2_048), (2,), (2,) * 400),
        Item(b"hvc1", tile, used),
    ]
    listed = [box(b"iprp", small[b"hvcC"]), large[b"ispe"], large[b"hvcC"], small[b"hvcC"]]
    with pytest.raises(BadImage, match="1,678 million pixels"):
        decode(build(b"heic", items, listed))


@heif
def test_a_header_in_very_many_pieces_is_refused():
    properties, frame = encoded("HEIF", 64, 64)
    cuts = (*range(1, 60_000),)
    item = Item(b"hvc1", frame.ljust(60_000, b"\0"), (1, 2), (), cuts)
    with pytest.raises(BadImage, match="too many blocks"):
        decode(build(b"heic", [item], [p for p in properties if p[4:8] in (b"ispe", b"hvcC")]))
