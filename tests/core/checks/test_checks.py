"""Checks find planted problems and nothing in a sound dataset; remedies can be undone."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from core import checks, intake
from core.checks import Finding, Remedy, Severity, apply
from core.dataset import Dataset, split
from core.settings import Settings

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
}


def taken(files: dict[str, bytes], folder: Path) -> tuple[Dataset, dict[str, Finding]]:
    path = folder / "set.zip"
    with zipfile.ZipFile(path, "w") as target:
        for name, content in files.items():
            target.writestr(name, content)
    found = intake.take_in(path, "set", folder / "intake", LIMITS)
    return found.dataset, {finding.code: finding for finding in found.findings}


def healthy(per_class: int = 20, **changed: bytes) -> dict[str, bytes]:
    files = {
        f"{c}/{i}.jpg": encoded(photograph(1_000 * at + i))
        for at, c in enumerate(("ant", "bee"))
        for i in range(per_class)
    }
    return files | changed


def test_a_healthy_dataset_has_nothing_but_a_glance(tmp_path):
    grouped, found = taken(healthy(), tmp_path)
    assert set(found) == {"at_a_glance"}
    assert found["at_a_glance"].severity is Severity.INFORMS
    assert found["at_a_glance"].sentence.startswith("40 JPEG, 240 × 180 pixels")
    assert {e.group for e in grouped.examples} == {None}


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Dataset, dict[str, Finding]]:
    """Ten near-duplicates among forty photographs."""
    files = healthy()
    for place, (what, change) in enumerate(PLANTED.items()):
        files[f"ant/{what}"] = change(photograph(place))
    return taken(files, tmp_path_factory.mktemp("planted"))


@pytest.mark.parametrize(("place", "what"), list(enumerate(PLANTED)))
def test_a_near_duplicate_is_found_when_it_is(place, what, planted):
    groups = {e.name: e.group for e in planted[0].examples}
    assert groups[f"ant/{what}"] is not None
    assert groups[f"ant/{what}"] == groups[f"ant/{place}.jpg"]


def test_only_the_planted_pictures_are_grouped(planted):
    grouped, found = planted
    assert len({e.group for e in grouped.examples} - {None}) == 10
    assert sum(e.group is not None for e in grouped.examples) == 20
    assert found["near_copies"].sentence.startswith("10 pictures look the same as another.")
    files = found["near_copies"].files
    groups = {e.name: e.group for e in grouped.examples}
    assert all(groups[a] == groups[b] for a, b in zip(files[::2], files[1::2], strict=True))


@pytest.mark.parametrize("seed", range(5))
def test_near_duplicates_stay_on_one_side_of_the_split(seed, planted):
    dealt = split(planted[0], validation=0.15, test=0.15, seed=seed)
    sides: dict[int, set[str | None]] = {}
    for example in dealt.examples:
        if example.group is not None:
            sides.setdefault(example.group, set()).add(example.split)
    assert len(sides) == 10
    assert all(len(side) == 1 for side in sides.values())


def test_exact_copies_are_found_and_all_but_one_can_be_left_out(tmp_path):
    files = healthy()
    files["ant/copy.jpg"] = files["ant/copy2.jpg"] = files["ant/3.jpg"]
    grouped, found = taken(files, tmp_path)
    assert found["copies"].severity is Severity.WARNS
    assert set(found["copies"].files) == {"ant/3.jpg", "ant/copy.jpg", "ant/copy2.jpg"}
    assert set(found["copies"].remedy.files) == {"ant/copy.jpg", "ant/copy2.jpg"}
    after = apply(grouped, [found["copies"].remedy])
    assert set(found) - {"copies"} == {
        f.code for f in checks.run_checks(after, intake.pictures(tmp_path / "intake"), LIMITS)
    }


def test_the_same_picture_in_two_classes_blocks_until_resolved(tmp_path):
    files = healthy()
    files["bee/wrong.jpg"] = files["ant/3.jpg"]
    files["bee/wrong.png"] = encoded(Image.open(io.BytesIO(files["ant/4.jpg"])), "PNG")
    grouped, found = taken(files, tmp_path)
    finding = found["in_two_classes"]
    assert finding.severity is Severity.BLOCKS
    assert set(finding.files) == {"ant/3.jpg", "bee/wrong.jpg", "ant/4.jpg", "bee/wrong.png"}
    after = apply(grouped, [finding.remedy])
    still = checks.run_checks(after, intake.pictures(tmp_path / "intake"), LIMITS)
    assert Severity.BLOCKS not in {f.severity for f in still}


def test_what_looks_the_same_in_two_classes_warns(tmp_path):
    files = healthy()
    files["bee/wrong.jpg"] = PLANTED["cropped all round"](photograph(3))
    finding = taken(files, tmp_path)[1]["alike_in_two_classes"]
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
    grouped, found = taken(files, tmp_path)
    assert not {"in_two_classes", "alike_in_two_classes"} & set(found)
    sides: dict[int | None, set[int]] = {}
    for example in grouped.examples:
        sides.setdefault(example.group, set()).add(example.label)
    assert all(len(labels) == 1 for group, labels in sides.items() if group is not None)


def test_scenes_that_differ_only_in_colour_are_not_grouped(tmp_path):
    files = healthy()
    # Cb and Cr mirrored at grey: every hue becomes its complement, at the same grey level.
    planes = [np.asarray(plane) for plane in photograph(3).convert("YCbCr").split()]
    complement = np.stack([planes[0], 255 - planes[1], 255 - planes[2]], 2)
    other = Image.fromarray(complement, "YCbCr").convert("RGB")
    files["bee/other.jpg"] = encoded(other)
    grouped, _ = taken(files, tmp_path)
    assert {e.group for e in grouped.examples} == {None}


def test_a_grey_copy_of_a_colour_picture_is_a_near_duplicate(tmp_path):
    files = healthy()
    files["ant/grey.jpg"] = encoded(photograph(3).convert("L"))
    groups = {e.name: e.group for e in taken(files, tmp_path)[0].examples}
    assert groups["ant/grey.jpg"] is not None
    assert groups["ant/grey.jpg"] == groups["ant/3.jpg"]


def test_equal_pixels_in_another_format_are_copies_and_one_changed_pixel_is_not(tmp_path):
    picture = Image.open(io.BytesIO(encoded(photograph(3))))
    changed = picture.copy()
    changed.putpixel((7, 9), tuple(value ^ 1 for value in picture.getpixel((7, 9))))
    files = healthy()
    files["ant/equal.png"] = encoded(picture, "PNG")
    files["bee/changed.png"] = encoded(changed, "PNG")
    _, found = taken(files, tmp_path)
    assert set(found["copies"].files) == {"ant/3.jpg", "ant/equal.png"}
    assert "in_two_classes" not in found
    assert "bee/changed.png" in found["alike_in_two_classes"].files


def test_many_tight_copies_and_their_crops_are_one_group(tmp_path):
    files = {}
    for scene in range(24):
        picture = photograph(40_000 + scene)
        for number in range(5):
            noise = np.random.default_rng(number).normal(0, 4, (180, 240, 3))
            noisy = np.clip(np.asarray(picture) + noise, 0, 255).astype(np.uint8)
            whole = Image.fromarray(noisy)
            files[f"{'ab'[scene % 2]}/{scene} whole {number}.jpg"] = encoded(whole)
            edges = (0.05, 0.03 + 0.005 * number, 0.04, 0.02)
            files[f"{'ab'[scene % 2]}/{scene} cropped {number}.jpg"] = encoded(
                cropped(whole, *edges)
            )
    grouped, _ = taken(files, tmp_path)
    groups: dict[str, set[int | None]] = {}
    for example in grouped.examples:
        groups.setdefault(example.name.split("/")[1].split()[0], set()).add(example.group)
    assert all(len(numbers) == 1 for numbers in groups.values())
    assert len(set.union(*groups.values()) - {None}) == 24
    for seed in range(3):
        dealt = split(grouped, validation=0.15, test=0.15, seed=seed)
        sides: dict[str, set[str | None]] = {}
        for example in dealt.examples:
            sides.setdefault(example.name.split("/")[1].split()[0], set()).add(example.split)
        assert [scene for scene, side in sides.items() if len(side) > 1] == []


def test_a_leak_across_a_given_split_is_reported(tmp_path):
    files = {f"train/{name}": content for name, content in healthy().items()}
    for at, c in enumerate(("ant", "bee")):
        for i in range(5):
            files[f"val/{c}/{i}.jpg"] = encoded(photograph(1_000 * at + 500 + i))
    files["val/ant/leak.jpg"] = PLANTED["mirrored"](photograph(7))
    grouped, found = taken(files, tmp_path)
    assert found["leaks"].remedy.files == ("train/ant/7.jpg",)
    assert set(found["leaks"].files) == {"train/ant/7.jpg", "val/ant/leak.jpg"}
    after = apply(grouped, [found["leaks"].remedy])
    assert "leaks" not in {
        f.code for f in checks.run_checks(after, tmp_path / "intake/pictures", LIMITS)
    }


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
    _, found = taken(healthy(**added), tmp_path)
    for why in poor:
        assert found[why].severity is Severity.WARNS
        assert found[why].files == (f"ant/{why}.png",), why
        assert found[why].remedy.files == found[why].files
        assert found[why].sentence.endswith("Check that it shows its class."), why


def test_nearly_black_pictures_of_8_bits_are_a_warning_for_all_together(tmp_path):
    names = [f"{label}/{number}" for label in "ab" for number in range(6)]
    for factor in (16, 1):
        files = {
            f"{name}.png": encoded(photograph(seed).point(lambda v: v // factor), "PNG")  # noqa: B023 - called at once
            for seed, name in enumerate(names)
        }
        (tmp_path / str(factor)).mkdir()
        _, found = taken(files, tmp_path / str(factor))
        assert found.keys().isdisjoint({"empty", "dark"})
        assert ("black" in found) == (factor == 16)
        if factor == 16:
            assert found["black"].severity is Severity.WARNS
            assert len(found["black"].files) == 12


def test_a_trait_of_most_pictures_is_how_they_are(tmp_path):
    files = {
        f"{c}/{i}.png": encoded(photograph(ord(c) + 999 * i, 30, 30), "PNG")
        for c in "ab"
        for i in range(20)
    }
    finding = taken(files, tmp_path)[1]["tiny"]
    assert finding.severity is Severity.INFORMS
    assert finding.remedy is None


def test_scenes_that_are_only_alike_are_not_taken_for_copies(tmp_path):
    alike = {f"ant/x{i}.jpg": encoded(photograph(3, detail=70 + i)) for i in range(4)}
    grouped, _ = taken(healthy() | alike, tmp_path)
    assert {e.group for e in grouped.examples} == {None}


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
    groups = {e.name: e.group for e in taken(files, tmp_path)[0].examples}
    found = [groups[f"a/{i}.jpg"] == groups[f"a/{i}-copy.jpg"] for i in range(0, count, 2)]
    alone = [groups[f"b/{i}.jpg"] is None for i in range(1, count, 2)]
    assert all(found) and all(alone)
    assert len(set(groups.values()) - {None}) == count / 2


def test_small_and_unequal_classes_are_found(tmp_path):
    files = healthy(30)
    files |= {f"cow/{i}.jpg": encoded(photograph(5_000 + i)) for i in range(5)}
    files |= {f"dog/{i}.jpg": encoded(photograph(6_000 + i)) for i in range(2)}
    grouped, found = taken(files, tmp_path)
    assert found["too_few"].severity is Severity.BLOCKS
    assert found["too_few"].remedy.classes == ("dog",)
    assert found["few"].sentence.startswith("cow has fewer than 20")
    assert "ant has 15 times as many pictures as dog (30 and 2)" in found["imbalance"].sentence
    assert "weight" in found["imbalance"].sentence
    assert apply(grouped, [found["too_few"].remedy]).classes == ("ant", "bee", "cow")


def test_fewer_than_two_classes_block(tmp_path):
    grouped, _ = taken(healthy(4), tmp_path)
    single = apply(grouped, [Remedy(kind="leave_out", label="", classes=("bee",))])
    found = checks.run_checks(single, tmp_path / "intake/pictures", LIMITS)
    assert (found[0].code, found[0].severity) == ("two_classes", Severity.BLOCKS)


def test_the_copy_of_a_class_folder_can_be_merged_with_it(tmp_path):
    copies = {n.replace("ant/", "ant - Copy/"): c for n, c in healthy(4).items() if "ant/" in n}
    _, found = taken(healthy(4) | copies, tmp_path)
    assert found["similar_names"].remedy.classes == ("ant", "ant - Copy")


def test_classes_of_nearly_one_name_can_be_merged_and_parted_again(tmp_path):
    files = healthy() | {f"Ant /{i}.jpg": encoded(photograph(9_000 + i)) for i in range(20)}
    grouped, found = taken(files, tmp_path)
    remedy = found["similar_names"].remedy
    merged = apply(grouped, [remedy])
    assert merged.classes == ("Ant ", "bee")
    assert (merged.count(0), merged.count(1)) == (40, 20)
    assert apply(grouped, []) == grouped
    assert grouped.classes == ("Ant ", "ant", "bee")


def test_files_that_were_left_out_are_reported(tmp_path):
    _, found = taken(healthy(**{"ant/x.jpg": b"no picture", "ant/.DS_Store": b""}), tmp_path)
    assert found["unreadable"].files == ("ant/x.jpg",)
    assert found["unreadable"].sentence.startswith("1 file could not be used. Not a picture")


def test_findings_come_with_the_gravest_first(tmp_path):
    files = healthy() | {"dog/1.jpg": encoded(photograph(1))}
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w") as target:
        for name, content in files.items():
            target.writestr(name, content)
    found = intake.take_in(path, "set", tmp_path / "intake", LIMITS).findings
    order = [list(Severity).index(f.severity) for f in found]
    assert order == sorted(order)
    assert order[0] == 0


@pytest.mark.parametrize("before", ["missing", "of an earlier version"])
def test_fingerprints_are_computed_again_once_when(before, tmp_path):
    files = healthy(6)
    files["ant/copy.jpg"] = files["ant/1.jpg"]
    grouped, found = taken(files, tmp_path)
    pictures = tmp_path / "intake/pictures"
    kept = pictures / "fingerprints.npz"
    if before == "missing":
        kept.unlink()
    else:
        with np.load(kept) as data:
            earlier = {name: data[name] for name in ("sha256", "grey", "measures")}
        np.savez(kept, **earlier)
    again, findings = checks.examine(grouped, pictures, LIMITS)
    assert again == grouped
    assert {f.code for f in findings} == set(found)
    (pictures / grouped.examples[0].path).unlink()  # no picture is decoded a second time
    assert checks.run_checks(grouped, pictures, LIMITS) == findings


@pytest.mark.parametrize("name", ["ants_bees", "flowers5"])
def test_planted_copies_are_found_among_real_photographs(name, datasets, tmp_path):
    with zipfile.ZipFile(datasets / f"{name}.zip") as source:
        names = [n for n in source.namelist() if n.endswith(".jpg")]
        files = {n: source.read(n) for n in names}
    chosen = np.random.default_rng(1).permutation(len(names))[: 2 * len(PLANTED)]
    pairs = {}
    for at, (what, change) in zip(chosen, list(PLANTED.items()) * 2, strict=True):
        copy = f"{names[at].rsplit('/', 1)[0]}/{at} {what}"
        with Image.open(io.BytesIO(files[names[at]])) as picture:
            files[copy] = change(picture.convert("RGB"))
        pairs[names[at]] = copy
    grouped, _ = taken(files, tmp_path)
    groups = {e.name: e.group for e in grouped.examples}
    missed = [b for a, b in pairs.items() if groups[a] is None or groups[a] != groups[b]]
    assert not missed
    others = {g for g in groups.values() if g is not None} - {groups[a] for a in pairs}
    # A photograph in two classes, and one of a pair of sunflowers taken a moment apart.
    assert len(others) <= 2
