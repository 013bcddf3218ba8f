"""Checks find planted problems and nothing in a sound dataset; remedies can be undone."""

import io
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from core import checks, intake
from core.checks import Finding, Remedy, Severity, apply
from core.dataset import Dataset, Example, split, splitting
from core.settings import Settings
from core.training.config import TrainingConfig

LIMITS = Settings()


def photograph(
    seed: int, width: int = 240, height: int = 180, detail: int | None = None
) -> Image.Image:
    """Something like a scene: a few large things, and detail at all sizes.

    `detail` is a seed for what is small alone, so that scenes can be alike and not the same.
    """
    random = np.random.default_rng(seed)
    layers = np.zeros((height, width, 3))
    for cells, weight in ((3, 1.0), (8, 0.7), (24, 0.5), (80, 0.3)):
        if cells == 24 and detail is not None:
            random = np.random.default_rng(detail)
        grain = random.normal(0, 1, (cells, cells, 3))
        for channel in range(3):
            layer = Image.fromarray(grain[..., channel].astype(np.float32))
            layer = layer.resize((width, height), Image.Resampling.BICUBIC)
            layers[..., channel] += weight * np.asarray(layer)
    return Image.fromarray(np.clip(128 + 50 * layers, 0, 255).astype(np.uint8))


def encoded(picture: Image.Image, kind: str = "JPEG", quality: int = 92) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, quality=quality)
    return buffer.getvalue()


def cropped(picture: Image.Image, *parts: float) -> Image.Image:
    """Without a part of the left, top, right and bottom."""
    (w, h), (left, top, right, bottom) = picture.size, parts
    return picture.crop(
        (round(w * left), round(h * top), round(w * (1 - right)), round(h * (1 - bottom)))
    )


PLANTED: dict[str, Callable[[Image.Image], bytes]] = {
    "re-encoded": lambda p: encoded(p, quality=40),
    "as webp": lambda p: encoded(p, "WEBP", 60),
    "half the size": lambda p: encoded(p.resize((p.width // 2, p.height // 2))),
    "larger": lambda p: encoded(p.resize((p.width * 3 // 2, p.height * 3 // 2)), "PNG"),
    "cropped at a corner": lambda p: encoded(cropped(p, 0.05, 0.05, 0, 0)),
    "cropped all round": lambda p: encoded(cropped(p, 0.05, 0.05, 0.05, 0.05)),
    "cropped at the side": lambda p: encoded(cropped(p, 0, 0, 0.05, 0)),
    "mirrored": lambda p: encoded(p.transpose(Image.Transpose.FLIP_LEFT_RIGHT)),
    "mirrored and cropped": lambda p: encoded(
        cropped(p.transpose(Image.Transpose.FLIP_LEFT_RIGHT), 0.05, 0, 0, 0.05), quality=60
    ),
    "brighter": lambda p: encoded(p.point(lambda v: v * 1.15 + 5)),
    "rotated to the left": lambda p: encoded(p.transpose(Image.Transpose.ROTATE_90)),
    "rotated to the right": lambda p: encoded(p.transpose(Image.Transpose.ROTATE_270)),
    "upside down": lambda p: encoded(p.transpose(Image.Transpose.ROTATE_180)),
    "transposed": lambda p: encoded(p.transpose(Image.Transpose.TRANSPOSE)),
    "framed": lambda p: encoded(ImageOps.expand(p, 20, "white")),
    "between bars": lambda p: encoded(ImageOps.pad(p, (240, 300))),
    "half as bright": lambda p: encoded(p.point(lambda v: v / 2)),
    "tinted": lambda p: encoded(p.convert("RGB", (1.12, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0.88, 0))),
}


def examine_files(files: dict[str, bytes], folder: Path) -> tuple[Dataset, dict[str, Finding]]:
    folder.mkdir(exist_ok=True)
    path = folder / "set.zip"
    with zipfile.ZipFile(path, "w") as target:
        for name, content in files.items():
            target.writestr(name, content)
    result = intake.ingest(path, "set", folder / "intake", LIMITS)
    return result.dataset, {finding.code: finding for finding in result.findings}


@cache
def photograph_file(seed: int) -> bytes:
    return encoded(photograph(seed))


def sound_files(per_class: int = 20, **changed: bytes) -> dict[str, bytes]:
    files = {
        f"{c}/{i}.jpg": photograph_file(1_000 * at + i)
        for at, c in enumerate(("ant", "bee"))
        for i in range(per_class)
    }
    return files | changed


def test_a_sound_dataset_has_only_a_summary(tmp_path):
    grouped, findings = examine_files(sound_files(), tmp_path)
    assert set(findings) == {"at_a_glance"}
    assert findings["at_a_glance"].severity is Severity.INFORMS
    assert findings["at_a_glance"].sentence.startswith("40 JPEG files, 240 × 180 pixels")
    assert {e.group for e in grouped.examples} == {None}


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Dataset, dict[str, Finding]]:
    """A near-duplicate of each kind among forty photographs."""
    files = sound_files()
    for index, (kind, change) in enumerate(PLANTED.items()):
        files[f"ant/{kind}"] = change(photograph(index))
    return examine_files(files, tmp_path_factory.mktemp("planted"))


@pytest.mark.parametrize(("index", "kind"), list(enumerate(PLANTED)))
def test_a_near_duplicate_is_grouped_with_its_original(index, kind, planted):
    groups = {e.name: e.group for e in planted[0].examples}
    assert groups[f"ant/{kind}"] is not None
    assert groups[f"ant/{kind}"] == groups[f"ant/{index}.jpg"]


def test_only_the_planted_pictures_are_grouped(planted):
    grouped, findings = planted
    count = len(PLANTED)
    assert len({e.group for e in grouped.examples} - {None}) == count
    assert sum(e.group is not None for e in grouped.examples) == 2 * count
    sentence = f"{count} pictures look the same as another."
    assert findings["near_copies"].sentence.startswith(sentence)
    files = findings["near_copies"].files
    groups = {e.name: e.group for e in grouped.examples}
    assert all(groups[a] == groups[b] for a, b in zip(files[::2], files[1::2], strict=True))


def test_near_duplicates_stay_on_one_side_of_the_split(planted):
    grouped = [e for e in planted[0].examples if e.group is not None]
    for seed in range(5):
        dealt = split(planted[0], validation=0.15, test=0.15, seed=seed)
        assert len({(e.group, e.split) for e in dealt.examples if e.group is not None}) == len(
            {e.group for e in grouped}
        )


def test_exact_copies_are_found_and_all_but_one_can_be_left_out(tmp_path):
    files = sound_files(8)
    files["ant/copy.jpg"] = files["ant/copy2.jpg"] = files["ant/3.jpg"]
    grouped, findings = examine_files(files, tmp_path)
    assert findings["copies"].severity is Severity.WARNS
    assert set(findings["copies"].files) == {"ant/3.jpg", "ant/copy.jpg", "ant/copy2.jpg"}
    assert set(findings["copies"].remedy.files) == {"ant/copy.jpg", "ant/copy2.jpg"}
    after = apply(grouped, [findings["copies"].remedy])
    assert set(findings) - {"copies"} == {
        f.code for f in checks.run_checks(after, intake.pictures(tmp_path / "intake"), LIMITS)
    }


def test_the_same_picture_in_two_classes_blocks_until_resolved(tmp_path):
    files = sound_files(8)
    files["bee/wrong.jpg"] = files["ant/3.jpg"]
    files["bee/wrong.png"] = encoded(Image.open(io.BytesIO(files["ant/4.jpg"])), "PNG")
    grouped, findings = examine_files(files, tmp_path)
    finding = findings["in_two_classes"]
    assert finding.severity is Severity.BLOCKS
    assert set(finding.files) == {"ant/3.jpg", "bee/wrong.jpg", "ant/4.jpg", "bee/wrong.png"}
    after = apply(grouped, [finding.remedy])
    still = checks.run_checks(after, intake.pictures(tmp_path / "intake"), LIMITS)
    assert Severity.BLOCKS not in {f.severity for f in still}


def test_near_duplicates_in_two_classes_are_a_warning(tmp_path):
    files = sound_files(8)
    files["bee/wrong.jpg"] = PLANTED["cropped all round"](photograph(3))
    finding = examine_files(files, tmp_path)[1]["alike_in_two_classes"]
    assert finding.severity is Severity.WARNS
    assert set(finding.files) == {"ant/3.jpg", "bee/wrong.jpg"}


def circles(colour: tuple[int, int, int], count: int) -> list[bytes]:
    """Circles at the same places for every colour."""
    drawn = []
    for number in range(count):
        random = np.random.default_rng(number)
        picture = Image.new("RGB", (200, 200), (255, 255, 255))
        x, y, radius = random.integers(60, 140), random.integers(60, 140), random.integers(25, 55)
        box = (int(x - radius), int(y - radius), int(x + radius), int(y + radius))
        ImageDraw.Draw(picture).ellipse(box, fill=colour)
        drawn.append(encoded(picture, "PNG"))
    return drawn


def test_classes_that_differ_only_in_colour_are_not_the_same_picture(tmp_path):
    # A green that has the grey level of red.
    colours = {"red": (255, 0, 0), "green": (0, 130, 0)}
    files = {
        f"{name}/{number}.png": picture
        for name, colour in colours.items()
        for number, picture in enumerate(circles(colour, 20))
    }
    grouped, findings = examine_files(files, tmp_path)
    assert not {"in_two_classes", "alike_in_two_classes"} & set(findings)
    sides: dict[int | None, set[int]] = {}
    for example in grouped.examples:
        sides.setdefault(example.group, set()).add(example.label)
    assert all(len(labels) == 1 for group, labels in sides.items() if group is not None)


def test_a_grey_copy_of_a_colour_picture_is_a_near_duplicate(tmp_path):
    files = sound_files(8) | {"ant/grey.jpg": encoded(photograph(3).convert("L"))}
    groups = {e.name: e.group for e in examine_files(files, tmp_path)[0].examples}
    assert groups["ant/grey.jpg"] is not None
    assert groups["ant/grey.jpg"] == groups["ant/3.jpg"]


def complement(picture: Image.Image) -> Image.Image:
    """Cb and Cr mirrored at grey: every hue becomes its complement, at the same grey level."""
    planes = [np.asarray(plane) for plane in picture.convert("YCbCr").split()]
    mirrored = np.stack([planes[0], 255 - planes[1], 255 - planes[2]], 2)
    return Image.fromarray(mirrored, "YCbCr").convert("RGB")


def on_white(place: tuple[int, int]) -> Image.Image:
    """An object on an even ground."""
    picture = Image.new("RGB", (240, 180), "white")
    picture.paste(photograph(5).resize((60, 50)), place)
    return picture


@pytest.mark.parametrize(
    "pictures",
    [
        [complement(photograph(3))],
        [on_white((x, y)) for x in (30, 90, 150) for y in (20, 65, 110)],
        [photograph(3, detail=70 + number) for number in range(4)],
    ],
    ids=["another colour", "an object at another place", "another detail"],
)
def test_similar_pictures_are_not_grouped(pictures, tmp_path):
    alike = {f"ant/x{number}.jpg": encoded(picture) for number, picture in enumerate(pictures)}
    grouped, _ = examine_files(sound_files(8) | alike, tmp_path)
    assert {e.group for e in grouped.examples} == {None}


def test_equal_pixels_in_another_format_are_copies_and_one_changed_pixel_is_not(tmp_path):
    picture = Image.open(io.BytesIO(encoded(photograph(3))))
    changed = picture.copy()
    changed.putpixel((7, 9), tuple(value ^ 1 for value in picture.getpixel((7, 9))))
    files = sound_files(8)
    files["ant/equal.png"] = encoded(picture, "PNG")
    files["bee/changed.png"] = encoded(changed, "PNG")
    _, findings = examine_files(files, tmp_path)
    assert set(findings["copies"].files) == {"ant/3.jpg", "ant/equal.png"}
    assert "in_two_classes" not in findings
    assert "bee/changed.png" in findings["alike_in_two_classes"].files


def test_many_tight_copies_and_their_crops_are_one_group(tmp_path):
    files = {}
    scenes = 8
    for scene in range(scenes):
        picture = photograph(40_000 + scene)
        for number in range(5):
            noise = np.random.default_rng(number).normal(0, 4, (180, 240, 3))
            noisy = np.clip(np.asarray(picture) + noise, 0, 255).astype(np.uint8)
            full = Image.fromarray(noisy)
            files[f"{'ab'[scene % 2]}/{scene} whole {number}.jpg"] = encoded(full)
            edges = (0.05, 0.03 + 0.005 * number, 0.04, 0.02)
            files[f"{'ab'[scene % 2]}/{scene} cropped {number}.jpg"] = encoded(
                cropped(full, *edges)
            )
    grouped, _ = examine_files(files, tmp_path)
    groups: dict[str, set[int | None]] = {}
    for example in grouped.examples:
        groups.setdefault(example.name.split("/")[1].split()[0], set()).add(example.group)
    assert all(len(numbers) == 1 for numbers in groups.values())
    assert len(set.union(*groups.values()) - {None}) == scenes


def given_split(**starts: int) -> dict[str, bytes]:
    """Eight training pictures of each class, and four for each other part, from a seed on."""
    files = {f"train/{name}": content for name, content in sound_files(8).items()}
    for part, start in starts.items():
        for at, c in enumerate(("ant", "bee")):
            files |= {
                f"{part}/{c}/{i}.jpg": photograph_file(1_000 * at + start + i) for i in range(4)
            }
    return files


@pytest.mark.parametrize(
    ("leak", "seed", "original", "learned"),
    [
        ("val/ant/leak.jpg", 7, "train/ant/7.jpg", "a training picture"),
        ("test/ant/leak.jpg", 201, "val/ant/1.jpg", "a training or validation picture"),
    ],
)
def test_a_picture_to_test_on_that_is_learned_from_is_a_leak(
    leak, seed, original, learned, tmp_path
):
    files = given_split(val=200, test=300) | {leak: PLANTED["mirrored"](photograph(seed))}
    grouped, findings = examine_files(files, tmp_path)
    assert "fewer than 20 training pictures" in findings["few"].sentence
    finding = findings["leaks"]
    assert f"the same as {learned}" in finding.sentence
    assert set(finding.files) == {original, leak}
    assert finding.remedy.files == (original,)
    after = apply(grouped, [finding.remedy])
    assert splitting.leaked(after) == 0
    assert "leaks" not in {
        f.code for f in checks.run_checks(after, tmp_path / "intake/pictures", LIMITS)
    }


def test_groups_that_a_split_divides_are_no_leak(tmp_path):
    files = {
        f"{part}/{label}/{i}.jpg": photograph_file(100 * start + i)
        for part, start in (("train", 0), ("test", 10))
        for start, label in enumerate(("ant", "bee"), start)
        for i in range(4)
    }
    grouped, _ = examine_files(files, tmp_path)
    examples = tuple(e.model_copy(update={"group_name": "P1"}) for e in grouped.examples)
    dataset = grouped.model_copy(update={"examples": examples, "grouped_by": "prefix"})
    codes = {f.code for f in checks.run_checks(dataset, tmp_path / "intake/pictures", LIMITS)}
    assert "at_a_glance" in codes and "leaks" not in codes


def test_poor_pictures_are_found_each_for_its_reason(tmp_path):
    sharp = photograph(77)
    poor = {
        "dark": sharp.point(lambda v: v // 6),
        "bright": sharp.point(lambda v: 228 + max(0, v - 80) // 4),
        "empty": Image.new("RGB", (200, 150), (90, 90, 90)),
        "blurred": sharp.filter(ImageFilter.GaussianBlur(6)),
        "tiny": sharp.resize((30, 40)),
        "odd_shape": photograph(78, 600, 100),
    }
    added = {f"ant/{why}.png": encoded(p, "PNG") for why, p in poor.items()}
    _, findings = examine_files(sound_files(**added), tmp_path)
    for why in poor:
        assert findings[why].severity is Severity.WARNS
        assert findings[why].files == (f"ant/{why}.png",), why
        assert findings[why].remedy.files == findings[why].files
        assert findings[why].sentence.endswith("Check that it shows its class."), why


def test_nearly_black_pictures_of_8_bits_are_a_warning_for_all_together(tmp_path):
    names = [f"{label}/{number}" for label in "ab" for number in range(6)]
    for factor in (16, 1):
        files = {
            f"{name}.png": encoded(photograph(seed).point(lambda v: v // factor), "PNG")  # noqa: B023 - called at once
            for seed, name in enumerate(names)
        }
        _, findings = examine_files(files, tmp_path / str(factor))
        assert findings.keys().isdisjoint({"empty", "dark"})
        assert ("black" in findings) == (factor == 16)
        if factor == 16:
            assert findings["black"].severity is Severity.WARNS
            assert len(findings["black"].files) == 12


def test_a_property_of_most_pictures_only_informs(tmp_path):
    files = {
        f"{c}/{i}.png": encoded(photograph(ord(c) + 999 * i, 30, 30), "PNG")
        for c in "ab"
        for i in range(20)
    }
    finding = examine_files(files, tmp_path)[1]["tiny"]
    assert finding.severity is Severity.INFORMS
    assert finding.remedy is None


def strokes(seed: int) -> Image.Image:
    """A few thin lines on white."""
    random = np.random.default_rng(seed)
    drawing = Image.new("L", (227, 227), 255)
    pen = ImageDraw.Draw(drawing)
    for _ in range(6):
        start, *turns = random.integers(20, 207, (5, 2)).tolist()
        pen.line([tuple(start), *map(tuple, turns)], fill=0, width=1)
    return drawing


def test_slightly_cropped_line_drawings_are_found_and_others_are_not(tmp_path):
    count = 60
    files = {f"{'ab'[i % 2]}/{i}.jpg": encoded(strokes(i)) for i in range(count)}
    for i in range(0, count, 2):
        crop = cropped(strokes(i), 0.02, 0.013, 0.009, 0.02)
        files[f"a/{i}-copy.jpg"] = encoded(crop, quality=70)
    groups = {e.name: e.group for e in examine_files(files, tmp_path)[0].examples}
    together = [groups[f"a/{i}.jpg"] == groups[f"a/{i}-copy.jpg"] for i in range(0, count, 2)]
    ungrouped = [groups[f"b/{i}.jpg"] is None for i in range(1, count, 2)]
    assert all(together) and all(ungrouped)
    assert len(set(groups.values()) - {None}) == count / 2


def test_small_and_unequal_classes_are_found(tmp_path):
    files = sound_files(30)
    files |= {f"cow/{i}.jpg": encoded(photograph(5_000 + i)) for i in range(5)}
    files |= {f"dog/{i}.jpg": encoded(photograph(6_000 + i)) for i in range(2)}
    grouped, findings = examine_files(files, tmp_path)
    assert findings["too_few"].severity is Severity.BLOCKS
    assert findings["too_few"].remedy.classes == ("dog",)
    assert findings["few"].sentence.startswith("cow has fewer than 20 pictures, so")
    assert "ant has 15 times as many pictures as dog (30 and 2)" in findings["imbalance"].sentence
    assert "weight" in findings["imbalance"].sentence
    assert apply(grouped, [findings["too_few"].remedy]).classes == ("ant", "bee", "cow")


def test_fewer_than_two_classes_block(tmp_path):
    grouped, _ = examine_files(sound_files(4), tmp_path)
    single = apply(grouped, [Remedy(kind="leave_out", label="", classes=("bee",))])
    findings = checks.run_checks(single, tmp_path / "intake/pictures", LIMITS)
    assert (findings[0].code, findings[0].severity) == ("two_classes", Severity.BLOCKS)


@pytest.mark.parametrize(
    ("labels", "same"),
    [
        *(
            (("ant", name), True)
            for name in ("Copy of ant", "ant - Kopie", "ants", "ant.", "a - nt")
        ),
        *((("ant", name), True) for name in ("an\u200bt", "ａｎｔ")),
        (("❤", "❤\ufe0f"), True),
        *((("ant", name), False) for name in ("Änt", "pant", "antics", "ant-")),
        *(((first, second), False) for first, second in ("かが", "ИЙ")),
        (("dioptre 5", "dioptre -5"), False),
        (("A+", "A-"), False),
        (("C", "C#"), False),
    ],
)
def test_other_spellings_of_a_name_are_similar_and_other_accents_and_signs_are_not(
    tmp_path, labels, same
):
    files = {
        f"{label}/{n}.jpg": photograph_file(800 + 9 * k + n)
        for k, label in enumerate(labels)
        for n in range(4)
    }
    assert ("similar_names" in examine_files(files, tmp_path)[1]) is same


def test_all_similar_names_are_reported_and_those_merged_unasked_are_the_first(tmp_path):
    files = sound_files(4)
    for number, label in enumerate(("bees", "Ant ")):
        files |= {f"{label}/{n}.jpg": photograph_file(800 + 9 * number + n) for n in range(4)}
    finding = examine_files(files, tmp_path)[1]["similar_names"]
    assert "Ant = ant and bee = bees" in finding.sentence
    assert finding.remedy.classes == ("Ant", "ant") and finding.resolved_by_default


def test_a_copy_of_a_class_folder_is_merged_unasked_and_a_number_is_not(tmp_path):
    labels = {"ant - Copy": True, "ant (2)": False, "ant copy": False}
    for number, (label, merged) in enumerate(labels.items()):
        files = sound_files(4)
        files |= {f"{label}/{n}.jpg": files[f"ant/{n}.jpg"] for n in range(4)}
        findings = examine_files(files, tmp_path / str(number))[1]
        assert "in_two_classes" in findings
        assert findings["similar_names"].resolved_by_default is merged


def test_classes_with_similar_names_can_be_merged_and_separated_again(tmp_path):
    files = sound_files() | {f"Ant /{i}.jpg": encoded(photograph(9_000 + i)) for i in range(20)}
    grouped, findings = examine_files(files, tmp_path)
    remedy = findings["similar_names"].remedy
    merged = apply(grouped, [remedy])
    assert merged.classes == ("Ant", "bee")
    assert merged.counts() == [40, 20]
    assert apply(grouped, []) == grouped
    assert grouped.classes == ("Ant", "ant", "bee")


def test_files_that_cannot_be_read_are_a_warning_and_files_of_other_kinds_are_none(tmp_path):
    broken = {"ant/x.jpg": b"no picture", "ant/.DS_Store": b""}
    finding = examine_files(sound_files(8, **broken), tmp_path)[1]["unreadable"]
    assert finding.files == ("ant/x.jpg",)
    assert finding.sentence.startswith("1 file could not be used. Not a picture")
    other = {"notes.txt": b"no picture"}
    _, findings = examine_files(sound_files(8, **other), tmp_path / "other")
    assert "unreadable" not in findings
    assert findings["other_files"].severity is Severity.INFORMS
    more = broken | other | {"ant/y": b"no picture"}
    finding = examine_files(sound_files(8, **more), tmp_path / "more")[1]["unreadable"]
    assert finding.sentence.startswith("2 files could not be used.")
    assert finding.sentence.endswith("1 file is not a picture: notes.txt.")


def test_findings_are_sorted_by_severity(tmp_path):
    _, findings = examine_files(sound_files() | {"dog/1.jpg": photograph_file(1)}, tmp_path)
    order = [list(Severity).index(finding.severity) for finding in findings.values()]
    assert order == sorted(order)
    assert order[0] == 0


@pytest.mark.parametrize("before", ["missing", "of an earlier version", "narrow", "short", "empty"])
def test_fingerprints_are_computed_again_once_when(before, tmp_path):
    files = sound_files(6)
    files["ant/copy.jpg"] = files["ant/1.jpg"]
    grouped, expected = examine_files(files, tmp_path)
    pictures = tmp_path / "intake/pictures"
    fingerprints = pictures / "fingerprints.npz"
    if before == "missing":
        fingerprints.unlink()
    elif before == "empty":
        fingerprints.write_bytes(b"")
    else:
        with np.load(fingerprints) as data:
            earlier = dict(data)
        if before == "of an earlier version":
            del earlier["chroma"]
        elif before == "narrow":
            earlier["measures"] = earlier["measures"][:, :3]
        else:
            earlier["grey"] = earlier["grey"][:3]
        np.savez(fingerprints, **earlier)
    examined, findings = checks.examine(grouped, pictures, LIMITS)
    assert examined == grouped
    assert {f.code for f in findings} == set(expected)
    (pictures / grouped.examples[0].path).unlink()  # no picture is decoded a second time
    assert checks.run_checks(grouped, pictures, LIMITS) == findings


@pytest.mark.parametrize("name", ["ants_bees", pytest.param("flowers5", marks=pytest.mark.slow)])
def test_planted_copies_are_found_among_real_photographs(name, datasets, tmp_path):
    with zipfile.ZipFile(datasets / f"{name}.zip") as source:
        names = [n for n in source.namelist() if n.endswith(".jpg")]
        files = {n: source.read(n) for n in names}
    chosen = np.random.default_rng(1).permutation(len(names))[: 2 * len(PLANTED)]
    pairs = {}
    for at, (kind, change) in zip(chosen, list(PLANTED.items()) * 2, strict=True):
        copy = f"{names[at].rsplit('/', 1)[0]}/{at} {kind}"
        with Image.open(io.BytesIO(files[names[at]])) as picture:
            files[copy] = change(picture.convert("RGB"))
        pairs[names[at]] = copy
    grouped, _ = examine_files(files, tmp_path)
    groups = {e.name: e.group for e in grouped.examples}
    missed = [b for a, b in pairs.items() if groups[a] is None or groups[a] != groups[b]]
    assert not missed
    other_groups = {g for g in groups.values() if g is not None} - {groups[a] for a in pairs}
    # A photograph in two classes, and one of a pair of sunflowers taken a moment apart.
    assert len(other_groups) <= 2


def test_pictures_without_a_class_under_another_reading_are_listed(tmp_path):
    folders = ("train/cat/red", "train/cat/tabby", "train/dog/red", "test/cat/red", "test/cat/late")
    files = {
        f"{f}/{i}.jpg": photograph_file(10 * n + i) for n, f in enumerate(folders) for i in (0, 1)
    }
    grouped, findings = examine_files(files, tmp_path)
    remedy = findings["subfolders"].remedy
    applied = apply(grouped, [remedy])
    assert applied.classes == ("cat/red", "cat/tabby", "dog/red")
    assert {s.name for s in applied.skipped} == {"test/cat/late/0.jpg", "test/cat/late/1.jpg"}
    assert len(applied.examples) + len(applied.skipped) == len(files)


def test_only_names_that_were_guessed_are_read_by_another_encoding(tmp_path):
    garbled = "кошка".encode("cp1251").decode("cp866")
    names = (garbled, "日本", "dog")
    examples = tuple(
        Example(name=f"{n}.jpg", path=f"{n}", label=n, sha256=f"{n}", width=9, height=9)
        for n in range(3)
    )
    dataset = Dataset(name="x", classes=names, examples=examples)
    decode = Remedy(kind="decode", label="", names=("cp866", "cp1251"))
    assert set(apply(dataset, [decode]).classes) == {"кошка", "日本", "dog"}
    typed = Remedy(kind="move", label="", files=("2.jpg",), classes=("мышь",))
    assert set(apply(dataset, [typed, decode]).classes) == {"кошка", "日本", "мышь"}


def test_the_share_of_test_pictures_that_groups_are_judged_by_is_the_default():
    assert TrainingConfig.model_fields["test"].default == checks.groups.TEST


def test_pictures_that_are_too_small_to_be_compared_are_said(tmp_path):
    small = photograph(3).resize((28, 28))
    files = sound_files(8) | {"ant/small.png": encoded(small, "PNG"), "ant/s.jpg": encoded(small)}
    grouped, findings = examine_files(files, tmp_path)
    groups = {e.group for e in grouped.examples if e.name in ("ant/small.png", "ant/s.jpg")}
    assert groups == {None}, "their detail says too little"
    finding = findings["too_small_to_compare"]
    assert finding.severity is Severity.INFORMS
    assert finding.sentence.startswith("2 pictures are smaller than 32 pixels.")


def test_a_class_that_a_given_split_does_not_test_is_named(tmp_path):
    files = {name: file for name, file in given_split(test=300).items() if "test/bee" not in name}
    _, findings = examine_files(files, tmp_path)
    assert findings["untested"].severity is Severity.WARNS
    assert findings["untested"].sentence.startswith("There are no test pictures of bee, so")
