"""One scale for the pictures of a dataset that have more than 8 bits."""

import zipfile

import numpy as np
import pytest
from PIL import Image

from core import images, intake
from core.checks import Severity
from core.errors import BadInput
from core.images import AS_DECLARED, Scale
from core.settings import Settings
from tests.core import tiffs
from tests.shapes import encoded

RAMP = np.linspace(0, 1, 64 * 64).reshape(64, 64)


def tiff(values: np.ndarray) -> bytes:
    return encoded(Image.fromarray(values), "TIFF")


def taken(tmp_path, pictures: list[bytes], scale: Scale | None = None) -> intake.Intake:
    """Two classes of pictures in turn, ingested."""
    source = tmp_path / "set.zip"
    with zipfile.ZipFile(source, "w") as target:
        for number, content in enumerate(pictures):
            target.writestr(f"{'ab'[number % 2]}/{number}.tif", content)
    return intake.ingest(source, "set", tmp_path / "intake", Settings(), scale=scale)


@pytest.mark.parametrize("kind", [np.int32, np.float32])
def test_brightness_keeps_its_meaning_in_files_that_declare_no_range(kind, tmp_path):
    tops = [200, 60_000, 30_000, 15_000]
    found = taken(tmp_path, [tiff((top * RAMP).astype(kind)) for top in tops])
    assert found.dataset.scale == Scale(undeclared=(0, 65_535))
    for example, top in zip(found.dataset.examples, tops, strict=True):
        path = intake.pictures(tmp_path / "intake") / example.path
        brightest = int(images.decode(path, scale=found.dataset.scale, limits=Settings()).max())
        assert brightest == round(top / 257)
        thumbnail = images.decode(intake.thumbnail(tmp_path / "intake", example), limits=Settings())
        assert abs(int(thumbnail.max()) - brightest) < 12


def test_unusual_numbers_are_scaled_by_the_range_of_all(tmp_path):
    found = taken(tmp_path, [tiff((RAMP * top - 7).astype(np.float32)) for top in (1e6, 2e6, 5e5)])
    assert found.dataset.scale.undeclared == (-7, pytest.approx(2e6 - 7))


def test_pictures_of_8_bits_and_declared_ranges_need_no_scale(tmp_path):
    bright = tiff((65_535 * RAMP).astype(np.uint16))
    found = taken(tmp_path, [bright, tiff((255 * RAMP).astype(np.uint8)), bright, bright])
    assert found.dataset.scale == AS_DECLARED


def test_nearly_black_pictures_of_12_bits_are_stretched_by_16_with_a_warning(tmp_path):
    tops = [4095, 2000, 1000, 3500]
    found = taken(tmp_path, [tiff((top * RAMP).astype(np.uint16)) for top in tops])
    assert found.dataset.scale == Scale(gain=16)
    finding = next(f for f in found.findings if f.code == "stretched")
    assert finding.severity is Severity.WARNS
    assert " 16." in finding.sentence
    assert "black" not in {f.code for f in found.findings}
    path = intake.pictures(tmp_path / "intake") / found.dataset.examples[0].path
    assert images.decode(path, scale=found.dataset.scale, limits=Settings()).max() == 255
    plain = intake.apply_remedies(tmp_path / "intake", [finding.remedy], Settings())
    assert plain.dataset.scale == AS_DECLARED
    assert "stretched" not in {f.code for f in plain.findings}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
def test_colours_of_12_bits_are_stretched_by_the_same_rule(order, packed, tmp_path):
    tops = [4095, 2000, 1000, 3500]
    ramps = [np.stack([top * RAMP, top * RAMP.T, top * RAMP[::-1]], -1) for top in tops]
    found = taken(tmp_path, [tiffs.colours_of_16_bits(r, order, packed=packed) for r in ramps])
    assert found.dataset.scale == Scale(gain=16)
    assert "stretched" in {f.code for f in found.findings}
    for example, ramp in zip(found.dataset.examples, ramps, strict=True):
        path = intake.pictures(tmp_path / "intake") / example.path
        pixels = images.decode(path, scale=found.dataset.scale, limits=Settings())
        np.testing.assert_array_equal(pixels, np.rint(ramp.astype(int) * 16 / 257))
        view = images.decode_and_crop(path, 64, 1.0, found.dataset.scale, limits=Settings())
        np.testing.assert_array_equal(view, pixels)


def test_a_few_dark_pictures_among_bright_ones_stay_dark(tmp_path):
    found = taken(tmp_path, [tiff((t * RAMP).astype(np.uint16)) for t in (900, 800, 60_000, 700)])
    assert found.dataset.scale == AS_DECLARED


def test_the_scale_of_a_model_is_used_as_it_is(tmp_path):
    scale = Scale(undeclared=(0, 1000), gain=2)
    found = taken(tmp_path, [tiff((t * RAMP).astype(np.int32)) for t in (200, 300)], scale)
    assert found.dataset.scale == scale
    assert "stretched" not in {f.code for f in found.findings}


@pytest.mark.parametrize("values", [{"undeclared": (2, 1)}, {"gain": 0.5}, {"gain": float("nan")}])
def test_a_scale_from_outside_is_checked(values):
    with pytest.raises((ValueError, BadInput)):
        Scale.model_validate(values)
