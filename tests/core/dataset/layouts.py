"""The folders and names of well-known public datasets, and how they have to be read.

Each case: where the layout is from, pictures with how many of each, other files, and the number of
pictures by class and split; the rest is left out.
"""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

from core.archive.unpacking import Extraction, Member
from core.dataset import interpretation
from core.errors import BadInput

Counts = dict[tuple[str, str | None], int]


class Case(NamedTuple):
    """One layout; `{n}` in the name of a picture becomes 0, 1, 2."""

    source: str
    pictures: list[str]
    expected: Counts
    others: dict[str, str] = {}  # noqa: RUF012 - never changed


def _split(classes: str, *parts: str | None, each: int = 3) -> Counts:
    return {(name, part): each for name in classes.split() for part in parts}


def _under(folders: str, *classes: str) -> list[str]:
    return [f"{folder}/{name}/{{n}}.jpg" for folder in folders.split() for name in classes]


CASES = {
    "class folders": Case(
        "TensorFlow, flower_photos",
        [*_under("flower_photos", "daisy", "tulips")],
        _split("daisy tulips", None),
        {"flower_photos/LICENSE.txt": "CC BY"},
    ),
    "train and val": Case(
        "PyTorch, hymenoptera_data",
        _under("hymenoptera_data/train hymenoptera_data/val", "ants", "bees"),
        _split("ants bees", "train", "test"),
    ),
    "train, test and val, twice": Case(
        "Kaggle, chest-xray-pneumonia",
        _under("chest_xray/train chest_xray/test chest_xray/val", "NORMAL", "PNEUMONIA")
        + _under("chest_xray/chest_xray/train", "NORMAL", "PNEUMONIA"),
        # The names alone; copies are left out by their bytes.
        _split("NORMAL PNEUMONIA", "test", "validation")
        | _split("NORMAL PNEUMONIA", "train", each=6),
    ),
    "seg_train, seg_test, seg_pred": Case(
        "Kaggle, intel-image-classification",
        [
            *_under("seg_train/seg_train seg_test/seg_test", "forest", "sea"),
            "seg_pred/seg_pred/{n}.jpg",
        ],
        _split("forest sea", "train", "test"),
    ),
    "labels in file names": Case(
        "Kaggle, dogs-vs-cats",
        ["train/cat.{n}.jpg", "train/dog.{n}.jpg", "test1/{n}.jpg"],
        _split("cat dog", None),
    ),
    "breeds in file names": Case(
        "Oxford-IIIT Pet, images.tar.gz",
        ["images/Abyssinian_{n}.jpg", "images/great_pyrenees_{n}.jpg"],
        _split("Abyssinian great_pyrenees", None),
    ),
    "labels.csv beside train and test": Case(
        "Kaggle, dog-breed-identification",
        ["train/a{n}f.jpg", "train/b{n}f.jpg", "test/c{n}f.jpg"],
        _split("pug collie", None),
        {
            "labels.csv": "id,breed\n" + "\n".join(f"a{n}f,pug\nb{n}f,collie" for n in range(3)),
            "sample_submission.csv": "id,pug,collie\nc0f,0.5,0.5\nc1f,0.5,0.5",
        },
    ),
    "table with metadata": Case(
        "Harvard Dataverse, HAM10000",
        ["HAM10000_images_part_1/ISIC_{n}.jpg", "HAM10000_images_part_2/ISIC_1{n}.jpg"],
        _split("nv mel", None),
        {
            "HAM10000_metadata.csv": "lesion_id,image_id,dx,dx_type,age,sex,localization\n"
            + "\n".join(
                f"HAM_{n},ISIC_{n},nv,histo,80.0,male,scalp\nHAM_1{n},ISIC_1{n},mel,histo,40.0,male,back"
                for n in range(3)
            )
        },
    ),
    "colour and grey copies": Case(
        "PlantVillage",
        _under("plantvillage/color plantvillage/grayscale", "Apple___scab", "Apple___healthy"),
        _split("Apple___scab Apple___healthy", None, each=6),
    ),
    "many classes, numbered pictures": Case(
        "Caltech 101",
        [
            f"101_ObjectCategories/{name}/image_000{{n}}.jpg"
            for name in ("accordion", "BACKGROUND_Google")
        ],
        _split("accordion BACKGROUND_Google", None),
    ),
    "Training, Test and loose pictures": Case(
        "Fruits-360",
        [
            *_under("fruits/Training fruits/Test", "Apple Red 1", "Plum"),
            "fruits/test-multiple_fruits/{n}.jpg",
        ],
        {(name, part): 3 for name in ("Apple Red 1", "Plum") for part in ("train", "test")},
    ),
    "one table per split": Case(
        "Roboflow, multi-class CSV",
        ["train/{n}.jpg", "valid/{n}.jpg"],
        {("a", "train"): 2, ("b", "train"): 1, ("a", "test"): 2, ("b", "test"): 1},
        {
            f"{part}/_classes.csv": "filename, a, b\n0.jpg,1,0\n1.jpg,0,1\n2.jpg,1,0"
            for part in ("train", "valid")
        },
    ),
    "project of Teachable Machine": Case(
        "Teachable Machine, project.tm",
        ["Class 1-!-{n}.jpg", "Class 2-!-{n}.jpg"],
        {("Class 1", None): 3, ("Class 2", None): 3},
        {"manifest.json": '{"type": "image", "appdata": {}}'},
    ),
}


def read(name: str, folder: Path) -> Counts | str:
    """How a layout is read: the pictures by class and split, or the refusal."""
    case = CASES[name]
    pictures = [picture.format(n=n) for picture in case.pictures for n in range(3)]
    others = []
    for number, (file, content) in enumerate(case.others.items()):
        path = folder / str(number)
        path.write_text(content)
        others.append(Member(name=file, path=path))
    try:
        files = Extraction(members=(), skipped=())
        layout, _ = interpretation.interpret(name, pictures, others, files)
    except BadInput as refusal:
        return str(refusal)
    return dict(Counter((a.label, a.split) for a in layout.assignments if not a.reason))
