"""The programs that ship with a model answer as the app does, wherever they lie."""

import io
import struct
import subprocess
import sys
import zlib
from itertools import product

import numpy as np
import pytest
from PIL import ExifTags, Image

from core import backbones, images
from core.evaluation import wording
from core.evaluation.report import SetLevel
from core.export import programs
from core.export.formats import FORMATS, INT8, SAVED_MODEL
from core.images import AS_DECLARED, Scale
from core.model import storage
from core.model.decision import Decision, Verdict
from core.model.storage import ModelFile
from core.settings import Settings
from tests.core import tiffs, trainings
from tests.core.profiles import GREY, WIDE
from tests.shapes import draw, encoded

WITH_TENSORFLOW = (storage.KERAS, SAVED_MODEL)
TURNED = 6
"""EXIF: to be shown a quarter turn to the right."""
LEVEL = SetLevel(level=0.95, limit=0.8)
SAVED = ModelFile(backbone="tiny", classes=("ant", "bee"), size=32, crop=0.94)


@pytest.fixture
def pictures(tmp_path):
    """Name → bytes of pictures of every kind that people have, written beside each other."""
    drawn = draw(1, 3, size=120)
    turned = Image.Exif()
    turned[ExifTags.Base.Orientation] = TURNED
    transparent = drawn.convert("RGBA")
    transparent.putalpha(140)
    deep = Image.fromarray(np.asarray(drawn.convert("L")).astype(np.uint16) * 257)
    contents = {
        "plain.png": encoded(drawn, "PNG"),
        "wide.jpg": encoded(drawn.resize((900, 640))),
        "turned.jpg": encoded(drawn.resize((300, 200)), exif=turned),
        "grey.png": encoded(drawn.convert("L"), "PNG"),
        "deep.png": encoded(deep, "PNG"),
        "seen through.png": encoded(transparent, "PNG"),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    return contents


def choose(run, classifier, views):
    """Put a threshold and a level in force with which some of the pictures are in doubt."""
    sorted_probabilities = np.sort(
        np.stack([classifier.answer(view).probabilities for view in views])
    )
    level = SetLevel(level=0.9, limit=float(np.median(sorted_probabilities[:, -1])))
    model = storage.load_description(run.model_folder)
    changed = model.model_copy(update={"set_levels": (level,)})
    (run.model_folder / storage.MODEL).write_text(changed.model_dump_json())
    run.complete_with("shapes", 0.0, 0.0)
    threshold = float(np.quantile(sorted_probabilities[:, -1], 0.4))
    run.annotate(
        lambda annotations: annotations.model_copy(update={"threshold": threshold, "level": 0.9})
    )


@pytest.mark.parametrize(
    "form",
    [
        # TensorFlow starts for these two; all of them are also verified as they are exported.
        pytest.param(form, marks=pytest.mark.slow if form.file in WITH_TENSORFLOW else ())
        for form in FORMATS
        if form.file != INT8
    ],
)
def test_a_program_prints_what_the_page_shows_in_any_folder(trained_run, pictures, tmp_path, form):
    trained = trained_run("best")
    tests = trained.run.dataset().of("test")
    pictures |= {f"{n}.png": (trained.pictures / e.path).read_bytes() for n, e in enumerate(tests)}
    for name, content in pictures.items():
        (tmp_path / name).write_bytes(content)
    classifier = trained.run.classifier(trained.settings)
    choose(trained.run, classifier, [classifier.load(content) for content in pictures.values()])
    trainings.unpack_bundle(trained, tmp_path / "bundle")
    classifier = trained.run.classifier(trained.settings)
    expected, occurred = [], set()
    for name, content in pictures.items():
        expected.append(name)
        answer = classifier.answer(classifier.load(content))
        probabilities, verdict = answer.probabilities, classifier.verdict(answer)
        for rank, label in enumerate(np.argsort(-probabilities)[:3], start=1):
            class_name = classifier.labels[label]
            expected.append(f"{rank}: {class_name} with probability {probabilities[label]:.2f}")
        if verdict is not Verdict.SURE:
            expected.append(verdict.value)
        prediction_set = classifier.prediction_set(answer)
        if prediction_set is not None:
            expected.append(f"one of: {', '.join(prediction_set.labels)} ({wording.promise(0.9)})")
        occurred.add((verdict, prediction_set is not None))
    assert {verdict for verdict, _ in occurred} == set(Verdict), "each verdict occurs"
    assert {(Verdict.SURE, False), (Verdict.UNLIKE, False)} <= occurred
    assert (Verdict.NOT_SURE, True) in occurred
    command = [sys.executable, "-I", str(tmp_path / "bundle" / form.program), *pictures]
    process = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert process.stdout.splitlines() == expected


def levels(picture):
    return np.asarray(picture.convert("L")).astype(np.float32)


def tiff(values, **tags):
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "TIFF", tiffinfo={int(tag[1:]): tags[tag] for tag in tags})
    return buffer.getvalue()


def bitmap(picture):
    """A bitmap whose fourth byte is zero, as most programs write it."""
    picture = picture.convert("RGBA")
    picture.putalpha(1)
    content = bytearray(encoded(picture, "BMP"))
    content[int.from_bytes(content[10:14], "little") + 3 :: 4] = bytes(
        picture.width * picture.height
    )
    return bytes(content)


def rotated_by_exif(picture, **options):
    """A picture that EXIF turns by 90 degrees."""
    exif = Image.Exif()
    exif[0x0112] = 8
    return encoded(picture.rotate(-90), "PNG", exif=exif, **options)


def semitransparent(picture):
    """A picture that becomes transparent to the right."""
    picture.putalpha(Image.linear_gradient("L").rotate(90).resize(picture.size))
    return picture


def with_transparent_level(picture, bits):
    """A grey PNG whose level 9 is transparent."""
    values = levels(picture).astype(np.uint32) * (2**bits - 1) // 255
    values[:20, :20] = 9
    rows = values.astype(">u2").view(np.uint8)
    if bits == 4:
        rows = (values[:, ::2] * 16 + values[:, 1::2]).astype(np.uint8)
    pixels = zlib.compress(np.pad(rows, ((0, 0), (1, 0))).tobytes())
    header = struct.pack(">IIBBBBB", *picture.size, bits, 0, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n"
    for kind, body in ((b"IHDR", header), (b"tRNS", b"\0\x09"), (b"IDAT", pixels), (b"IEND", b"")):
        content += struct.pack(">I", len(body)) + kind + body
        content += struct.pack(">I", zlib.crc32(kind + body))
    return content


KINDS = {
    "PGM of 16 bits": lambda p: b"P5 96 96 65535 " + (257 * levels(p)).astype(">u2").tobytes(),
    "PNG of 16 bits with a transparent level": lambda p: with_transparent_level(p, 16),
    "PNG of 4 bits with a transparent level": lambda p: with_transparent_level(p, 4),
    "PGM of 12 bits": lambda p: b"P5 96 96 4095 " + (16 * levels(p)).astype(">u2").tobytes(),
    "TIFF of 16 bits": lambda p: tiff((257 * levels(p)).astype(np.uint16)),
    "TIFF that declares its range": lambda p: tiff((16 * levels(p)).astype(np.uint16), t341=4080.0),
    "TIFF of which 0 is white": lambda p: tiff((65535 - 257 * levels(p)).astype(np.uint16), t262=0),
    "TIFF of colours of 16 bits": lambda p: tiffs.colours_of_16_bits(257 * np.uint32(p)),
    "TIFF of packed colours": lambda p: tiffs.colours_of_16_bits(257 * np.uint32(p), packed=True),
    "TIFF of planes of 16 bits": lambda p: tiffs.tiff([*np.moveaxis(257 * np.uint16(p), 2, 0)], 2),
    "TIFF in big-endian order": lambda p: tiffs.tiff(
        [(257 * levels(p)).astype(np.uint16)[..., None]], 1, order=">"
    ),
    "TIFF of packed integers in big-endian order": lambda p: tiffs.tiff(
        [(257 * levels(p)).astype(np.int32)[..., None]], 1, order=">", compression=8, form=2
    ),
    "TIFF of packed floats in big-endian order": lambda p: tiffs.tiff(
        [levels(p)[..., None] / 255], 1, order=">", compression=8, form=3
    ),
    "TIFF of YCbCr": lambda p: tiffs.tiff(
        [np.asarray(p.convert("YCbCr"))], 6, tags={530: (3, [1, 1])}
    ),
    "TIFF of premultiplied grey": lambda p: tiffs.tiff(
        [np.stack([levels(p), np.full((96, 96), 255)], -1).astype(np.uint8)],
        1,
        tags={338: (3, [1])},
    ),
    "TIFF on its side": lambda p: tiffs.tiff(
        [levels(p.resize((96, 64)).rotate(90, expand=True)).astype(np.uint8)[..., None]],
        1,
        tags={274: (3, [6])},
    ),
    "TIFF of integers": lambda p: tiff((257 * levels(p)).astype(np.int32)),
    "TIFF of any integers": lambda p: tiff((9000 * levels(p) - 80).astype(np.int32)),
    "TIFF from 0 to 1": lambda p: tiff(levels(p) / 255),
    "TIFF a little over 255": lambda p: tiff(levels(p) * (255.4 / levels(p).max())),
    "bitmap": bitmap,
    "PFM from 0 to 255": lambda p: b"Pf 96 96 -1 " + levels(p)[::-1].tobytes(),
    "grey of a profile, transparent": lambda p: encoded(
        semitransparent(p).convert("LA"), "PNG", icc_profile=GREY
    ),
    "wide colours": lambda p: encoded(p, "JPEG", icc_profile=WIDE),
    "wide colours, lying": lambda p: rotated_by_exif(p, icc_profile=WIDE),
    "wide colours, transparent": lambda p: encoded(semitransparent(p), "PNG", icc_profile=WIDE),
    "wide colours of a palette": lambda p: encoded(p.quantize(), "PNG", icc_profile=WIDE),
}


@pytest.mark.parametrize("kind", [*KINDS, "HEIC"])
def test_programs_read_pictures_as_the_app_does(kind, tmp_path):
    drawn = draw(1, 3, size=96)
    if kind == "HEIC":
        pillow_heif = pytest.importorskip("pillow_heif")
        buffer = io.BytesIO()
        pillow_heif.from_pillow(drawn).save(buffer)
        content = buffer.getvalue()
    else:
        content = KINDS[kind](drawn)
    path = tmp_path / "picture"
    path.write_bytes(content)
    (tmp_path / "labels.txt").write_text("ant\nbee\n")
    name = str(tmp_path / "predict.py")
    program: dict[str, object] = {"__file__": name, "__name__": "predict"}
    for scale in (Scale(undeclared=(-5, 90_000), gain=2), AS_DECLARED):
        saved = SAVED.model_copy(update={"scale": scale})
        exec(compile(programs.prediction(FORMATS[0], saved), name, "exec"), program)
        view = images.decode_and_crop(path, SAVED.size, SAVED.crop, scale, limits=Settings())
        np.testing.assert_array_equal(program["load"](path), view)
    expected = images.crop_and_resize(np.asarray(drawn), SAVED.size, SAVED.crop)
    changed = ("any integers", "a little over 255", "wide", "profile", "transparent level")
    same = not any(word in kind for word in changed)
    assert abs(view.mean() - expected.mean()) < (6 if same else 128)


def test_programs_open_avif_whatever_brand_it_begins_with(tmp_path):
    """HEIC may begin with the same brand, and `pillow-heif` may be without a decoder for AVIF."""
    content = encoded(draw(1, 3, size=96), "AVIF").replace(b"ftypavif", b"ftypmif1")
    (tmp_path / "picture").write_bytes(content)
    (tmp_path / "labels.txt").write_text("ant\nbee\n")
    (tmp_path / "predict.py").write_text(programs.prediction(FORMATS[0], SAVED))
    code = "import runpy; print(runpy.run_path('predict.py')['load']('picture').shape)"
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.stdout == "(32, 32, 3)\n", result.stderr


def test_programs_are_short_and_pass_ruff(tmp_path):
    decisions = (Decision(), Decision(0.5), Decision(0.0, LEVEL))
    for number, (form, decision, ood) in enumerate(product(FORMATS, decisions, (False, True))):
        written = programs.prediction(form, SAVED, decision, ood=ood)
        assert len(written.splitlines()) < 164
        assert form.file in written
        compile(written, form.program, "exec")
        (tmp_path / f"{number}.py").write_text(written)
    for command in (["format", "--check"], ["check"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--isolated", "--line-length=100"]
        subprocess.run([*ruff, tmp_path], check=True)


def test_a_picture_that_cannot_be_read_does_not_stop_the_others_and_none_prints_the_usage(
    trained_run, pictures, tmp_path
):
    trained = trained_run()
    folder = trainings.unpack_bundle(trained, tmp_path / "bundle", [storage.LITERT])
    (tmp_path / "cut.jpg").write_bytes(pictures["wide.jpg"][:2000])
    (tmp_path / "text.png").write_bytes(b"no picture")
    (tmp_path / "torn.png").write_bytes(pictures["plain.png"][:60])
    bad = ["missing.jpg", "cut.jpg", "text.png", "torn.png", "."]
    command = [sys.executable, "-I", str(folder / "predict.py"), *bad, "plain.png"]
    process = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    assert process.stdout.startswith("plain.png\n1: ")
    unread = [line for line in process.stderr.splitlines() if "cannot be read" in line]
    assert [line.split()[0] for line in unread] == bad
    process = subprocess.run(command[:3], capture_output=True, text=True)
    assert process.returncode == 1
    assert process.stderr.strip() == "Expected pictures: python predict.py PICTURE [PICTURE ...]"


@pytest.mark.parametrize("changed", [True, False])
def test_the_licences_ask_to_name_changed_weights_only_if_they_were_changed(changed):
    backbone = backbones.get("efficientnet-lite0")
    text = programs.render("licences.md.j2", backbone=backbone, changed=changed, mit="")
    assert "pass it on with the model" in text
    assert ("say that the weights were changed" in text) == changed


@pytest.mark.parametrize("template", ["predict.js.j2", "Classifier.kt.j2"])
def test_snippets_for_other_languages_have_the_sizes_of_the_model(template):
    written = programs.snippet(template, SAVED, Decision(0.5, LEVEL))
    assert "THRESHOLD = 0.5" in written
    assert "LIMIT = 0.8" in written
    assert "oneOf" not in programs.snippet(template, SAVED, Decision())
    assert "SIZE = 32" in written
    assert "CROP = 0.94" in written
    assert "{{" not in written
    assert "most likely of 2 classes" in written
