"""The folders and names of well-known public datasets, and how they have to be read.

Each case: where the layout is from, pictures with how many of each, other files, and the number of
pictures by class and split; the rest is left out.
"""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from core.archive.unpacking import Extraction, Member
from core.dataset import interpretation
from core.errors import BadInput
from tests.shapes import encoded

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


def _rows(line: str, labels: str = "cat dog") -> list[str]:
    """A line for each picture `{x}{n}`, with its `{label}`; `{x}` is 1 in the first class."""
    numbers = ((n, x, label) for n in range(3) for x, label in enumerate(labels.split(), 1))
    return [
        line.replace("{n}", str(n)).replace("{x}", str(x)).replace("{label}", label)
        for n, x, label in numbers
    ]


def _files(name: str, content: str) -> dict[str, str]:
    """A file for each picture, as by `_rows`."""
    return dict(zip(_rows(name), _rows(content), strict=True))


def _json(line: str) -> str:
    """A list with a record for each picture, as by `_rows`."""
    return f"[{', '.join(_rows(line))}]"


TWO = ["1{n}.jpg", "2{n}.jpg"]

CASES = {
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
    "breeds in file names beside boxes, masks and lists": Case(
        "Oxford-IIIT Pet, both archives",
        [
            f"{folder}/{breed}_{{n}}.{ending}"
            for breed in ("Abyssinian", "Bengal", "pug")
            for folder, ending in (("images", "jpg"), ("annotations/trimaps", "png"))
        ],
        _split("Abyssinian Bengal pug", "train", each=2)
        | _split("Abyssinian Bengal pug", "test", each=1),
        {
            f"annotations/{part}.txt": "#Image CLASS-ID SPECIES BREED ID\n"
            + "".join(f"Abyssinian_{n} 1 1 1\nBengal_{n} 2 1 2\npug_{n} 3 2 1\n" for n in numbers)
            for part, numbers in (("list", (0, 1, 2)), ("trainval", (0, 1)), ("test", (2,)))
        }
        | {"annotations/xmls/pug_1.xml": "<object><bndbox><xmin>3</xmin></bndbox></object>"},
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
    "several findings beside metadata, lists and boxes": Case(
        "NIH, ChestX-ray14",
        [f"images_00{p}/images/0000000{p}_00{{n}}.png" for p in (1, 2, 3, 4)],
        _split("Mass Nodule", "train", "test", each=2),
        {
            "Data_Entry_2017.csv": "Image Index,Finding Labels,Patient ID,Patient Gender\n"
            + "".join(
                f"0000000{p}_00{n}.png,{label},{p},{'MF'[p % 2]}\n"
                for p in (1, 2, 3, 4)
                for n, label in enumerate(("Mass", "Nodule", "Mass|Nodule"))
            ),
            "train_val_list.txt": "".join(
                f"0000000{p}_00{n}.png\n" for p in (1, 2) for n in range(3)
            ),
            "test_list.txt": "".join(f"0000000{p}_00{n}.png\n" for p in (3, 4) for n in range(3)),
            "BBox_List_2017.csv": "Image Index,Finding Label,Bbox [x,y,w,h],,,\n"
            "00000001_000.png,Nodule,225.1,547.0,86.8,79.2,,,\n",
        },
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
    "tasks of Label Studio of which some were skipped": Case(
        "Label Studio, JSON export",
        ["images/3f2a-1{n}.jpg", "images/3f2a-2{n}.jpg"],
        {("cat", None): 2, ("dog", None): 3},
        {
            "project.json": _json(
                '{"id": {n}, "annotations": [{"result": [{"type": "choices", "value": {"choices": '
                '["{label}"]}}]}], "data": {"image": "/data/upload/1/3f2a-{x}{n}.jpg"}}'
            ).replace('[{"result": [{"type": "choices", "value": {"choices": ["cat"]}}]}]', "[]", 1)
        },
    ),
    "answers": Case(
        "Labelbox, NDJSON export",
        TWO,
        _split("cat dog", None),
        {
            "export.ndjson": "\n".join(
                _rows(
                    '{"data_row": {"id": "cl{x}{n}", "external_id": "{x}{n}.jpg"}, "projects": '
                    '{"clp": {"labels": [{"label_details": {"created_by": "{n}@b.c"}, '
                    '"annotations": {"classifications": [{"name": "animal", "radio_answer": '
                    '{"feature_schema_id": "ck{x}", "name": "{label}", "value": "{x}"}}]}}]}}}'
                )
            )
        },
    ),
    "labels in brackets": Case(
        "MakeSense, CSV",
        TWO,
        {("cat", None): 3, ("dog", None): 2},
        {"labels.csv": "\n".join(_rows('{x}{n}.jpg,"[{label}]"')).replace("[dog]", "[cat,dog]", 1)},
    ),
    "numbers of classes in a file with their names": Case(
        "CVAT, Datumaro",
        [f"images/{part}/{file}" for part in ("train", "test") for file in TWO],
        _split("cat dog", "train", "test"),
        {
            f"annotations/{part}.json": '{"categories": {"label": {"labels": [{"name": "none"}, '
            '{"name": "cat"}, {"name": "dog"}]}}, "items": '
            + _json(
                '{"id": "{x}{n}", "annotations": [{"id": 0, "type": "label", "label_id": {x}}], '
                '"image": {"path": "{x}{n}.jpg"}}'
            )
            + "}"
            for part in ("train", "test")
        },
    ),
    "numbers in the order of a list": Case(
        "FiftyOne, image classification",
        ["data/1{n}.jpg", "data/2{n}.jpg"],
        _split("cat dog", None),
        {
            "labels.json": '{"classes": ["none", "cat", "dog"], "labels": {'
            + ", ".join(_rows('"{x}{n}": {x}'))
            + "}}"
        },
    ),
    "names of classes beside their numbers": Case(
        "Kaggle, chinese-mnist",
        TWO,
        _split("yi er", None),
        {
            "labels.csv": "\n".join(
                ["file,label,character,sample", *_rows("{x}{n}.jpg,{x},{label},{n}", "yi er")]
            )
        },
    ),
    "days in file names": Case(
        "Phones",
        ["cat_2024-05-1{n}_7.jpg", "cat_20240501_10150{n}.jpg", "dog_2024-05-01_{n}.jpg"],
        {("cat", None): 6, ("dog", None): 3},
    ),
    "metadata.jsonl per split": Case(
        "Hugging Face, ImageFolder",
        ["train/1{n}.jpg", "train/2{n}.jpg", "test/1{n}.jpg", "test/2{n}.jpg"],
        _split("cat dog", "train", "test"),
        {
            f"{part}/metadata.jsonl": "\n".join(
                _rows('{"file_name": "{x}{n}.jpg", "label": "{label}"}')
            )
            for part in ("train", "test")
        },
    ),
    "list without titles": Case(
        "Google Cloud AutoML, import file",
        TWO,
        {(name, part): n for name in ("cat", "dog") for part, n in (("train", 2), ("test", 1))},
        {
            "import.csv": "\n".join(_rows("TRAIN,gs://bucket/{x}{n}.jpg,{label}"))
            .replace("TRAIN,gs://bucket/12", "TEST,gs://bucket/12")
            .replace("TRAIN,gs://bucket/22", "TEST,gs://bucket/22")
        },
    ),
    "manifest": Case(
        "Amazon SageMaker Ground Truth, output.manifest",
        TWO,
        _split("cat dog", None),
        {
            "output.manifest": "\n".join(
                _rows(
                    '{"source-ref": "s3://bucket/{x}{n}.jpg", "kind": {x}, '
                    '"kind-metadata": {"class-name": "{label}", "confidence": 0.9{n}}}'
                )
            )
        },
    ),
    "attributes of files": Case(
        "VGG Image Annotator, CSV",
        TWO,
        _split("cat dog", None),
        {
            "via.csv": "\n".join(
                [
                    "filename,file_size,file_attributes,region_count",
                    *_rows('{x}{n}.jpg,{n},"{""class"":""{label}""}",0'),
                ]
            )
        },
    ),
    "class folders beside a labelled test": Case(
        "Kaggle, gtsrb-german-traffic-sign",
        ["Train/0/a_{n}.png", "Train/1/b_{n}.png", "Test/0000{n}.png", "Meta/{n}.png"],
        _split("0 1", "train") | {("0", "test"): 2, ("1", "test"): 1},
        {
            "Test.csv": "Width,ClassId,Path\n"
            + "".join(f"9,{n % 2},Test/0000{n}.png\n" for n in range(3))
        },
    ),
    "lists of the splits": Case(
        "Food-101",
        ["food-101/images/pho/1{n}.jpg", "food-101/images/tacos/2{n}.jpg"],
        {(name, part): n for name in ("pho", "tacos") for part, n in (("train", 2), ("test", 1))},
        {
            "food-101/meta/train.txt": "pho/10\npho/11\ntacos/20\ntacos/21\n",
            "food-101/meta/test.txt": "pho/12\ntacos/22\n",
            "food-101/meta/classes.txt": "pho\ntacos\n",
        },
    ),
    "sample submission": Case(
        "Kaggle, cassava-leaf-disease-classification",
        ["train_images/{n}.jpg", "train_images/1{n}.jpg", "test_images/22{n}.jpg"],
        _split("0 4", None),
        {
            "train.csv": "image_id,label\n" + "".join(f"{n}.jpg,0\n1{n}.jpg,4\n" for n in range(3)),
            "sample_submission.csv": "image_id,label\n220.jpg,4\n",
            "label_num_to_disease_map.json": '{"0": "Blight", "4": "Healthy"}',
        },
    ),
    "labelled validation pictures beside class folders": Case(
        "Tiny ImageNet",
        [
            *("train/n01/images/n01_{n}.JPEG", "train/n02/images/n02_{n}.JPEG"),
            *("val/images/val_{n}.JPEG", "test/images/test_{n}.JPEG"),
        ],
        _split("n01 n02", "train") | {("n01", "test"): 2, ("n02", "test"): 1},
        {
            "val/val_annotations.txt": "".join(
                f"val_{n}.JPEG\tn0{n % 2 + 1}\t0\t0\t62\t62\n" for n in range(3)
            )
        },
    ),
    "masks beside pictures": Case(
        "Kaggle, covid19-radiography-database",
        [f"{c}/{kind}/{c}-{{n}}.png" for c in ("COVID", "Normal") for kind in ("images", "masks")],
        _split("COVID Normal", None),
    ),
    "patients below classes": Case(
        "BreakHis",
        [
            f"breast/{label}/SOB/{kind}/SOB_{code}/40X/SOB_{code}-{{n}}.png"
            for label, kind, code in (
                ("benign", "adenosis", "B_A_14-22549AB"),
                ("benign", "adenosis", "B_A_14-29960CD"),
                ("malignant", "ductal_carcinoma", "M_DC_14-2523"),
                ("malignant", "ductal_carcinoma", "M_DC_14-2773"),
            )
        ],
        _split("benign malignant", None, each=6),
    ),
    "sites above splits": Case(
        "Folders per hospital",
        _under("siteA/train siteA/test siteB/train siteB/test", "cat", "dog"),
        _split("cat dog", "train", "test", each=6),
    ),
    "folds": Case(
        "Folders for cross-validation",
        _under("fold1 fold2", "cat", "dog"),
        _split("cat dog", None, each=6),
    ),
    "class beside the word of a split": Case(
        "CycleGAN, horse2zebra",
        ["trainA/{n}.jpg", "trainB/{n}.jpg", "testA/{n}.jpg", "testB/{n}.jpg"],
        _split("A B", "train", "test"),
    ),
    "the word of a split behind the class": Case(
        "Folders of a class each",
        [f"{c} ({s})/{{n}}.jpg" for c in ("cat", "dog") for s in ("train", "test")],
        _split("cat dog", "train", "test"),
    ),
    "class and split in file names": Case(
        "Files that were all put into one folder",
        [f"{s}_{c}_{{n}}.jpg" for c in ("cat", "dog") for s in ("train", "test")]
        + ["test_{n}.jpg"],
        _split("cat dog", "train", "test"),
    ),
    "a prefix before the names of a camera": Case(
        "Files that were renamed in groups",
        ["cat_IMG_2{n}.jpg", "hot dog - DSC_3{n}.jpg"],
        _split("cat", None) | {("hot dog", None): 3},
    ),
    "masks beside pictures in class folders": Case(
        "Kaggle, breast-ultrasound-images-dataset",
        [
            f"BUSI/{c}/{c} ({{n}}){end}.png"
            for c in ("benign", "normal")
            for end in ("", "_mask", "_mask_1")
        ],
        _split("benign normal", None),
    ),
    "masks in class folders beside the pictures": Case(
        "Kaggle, cub2002011",
        [
            *_under("CUB_200_2011/images", "001.Albatross", "002.Auklet"),
            *(f"segmentations/{name}/{{n}}.png" for name in ("001.Albatross", "002.Auklet")),
        ],
        _split("001.Albatross 002.Auklet", None),
        {"attributes.txt": "1 has_bill_shape::dagger"},
    ),
    "labels as a class with a split": Case(
        "Recycling",
        [
            f"{c}/{part}/{{n}}.jpg"
            for c in ("labels", "cans", "boxes")
            for part in ("train", "test")
        ],
        _split("labels cans boxes", "train", "test"),
    ),
    "numbers of classes below numbers of patients": Case(
        "Kaggle, breast-histopathology-images",
        [f"{p}/{c}/{p}_{{n}}_class{c}.png" for p in (10253, 10254, 8863) for c in (0, 1)],
        _split("0 1", None, each=9),
    ),
    "numbers of classes below batches": Case(
        "Handwriting",
        [f"batch_{b}/{c}/{b}{{n}}.png" for b in (1, 2) for c in (0, 1, 2)],
        _split("0 1 2", None, each=6),
    ),
    "days below numbers of classes": Case(
        "Plants",
        [f"{c}/2024-05-{d}/{{n}}.png" for c in (0, 1, 2) for d in (11, 12)],
        _split("0 1 2", None, each=6),
    ),
    "pictures twice, and paths of another machine": Case(
        "Kaggle, ocular-disease-recognition-odir5k",
        ["ODIR-5K/Training Images/1{n}.jpg", "preprocessed_images/1{n}.jpg"],
        {("N", None): 2, ("D", None): 1},
        {
            "full_df.csv": "ID,filepath,labels,filename\n"
            + "".join(
                f"{n},../input/ODIR-5K/Training Images/1{n}.jpg,\"['{'NDN'[n]}']\",1{n}.jpg\n"
                for n in range(3)
            )
        },
    ),
    "mask as a class beside other pictures": Case(
        "Faces",
        _under("faces", "mask", "no_mask", "images"),
        _split("mask no_mask images", None),
    ),
    "photos and masks as classes": Case(
        "Objects",
        _under("objects", "Photo", "Mask"),
        _split("Photo Mask", None),
    ),
    "masks that are named after no picture": Case(
        "Carnival",
        ["images/street_{n}.jpg", "mask/venetian_{n}.jpg"],
        _split("images mask", None),
    ),
    "one loose picture in a table of a few": Case(
        "Pets",
        ["cat/c{n}.jpg", "dog/d{n}.jpg", "stray{n}.jpg"],
        {("cat", None): 3, ("dog", None): 4},
        {"train.csv": "file,label\nc0.jpg,cat\nc1.jpg,cat\nstray0.jpg,dog\n"},
    ),
    "a list of test pictures that has all of one class": Case(
        "Pets",
        ["cat/c{n}.jpg", "dog/d{n}.jpg"],
        _split("cat dog", None),
        {"test.txt": "c0.jpg\nd0.jpg\nd1.jpg\nd2.jpg\n"},
    ),
    "loose pictures in a table with other names of the classes": Case(
        "Pets",
        ["cat/c{n}.jpg", "dog/d{n}.jpg", "x{n}.jpg"],
        {("cat", None): 5, ("dog", None): 4},
        {
            "labels.csv": "file,label\nx0.jpg,Katze\nx1.jpg,Hund\nx2.jpg,Katze\n"
            + "".join(f"c{n}.jpg,Katze\nd{n}.jpg,Hund\n" for n in range(3))
        },
    ),
    "test pictures without labels beside the classes": Case(
        "Pets",
        [*_under("pets", "cat", "dog"), "pets/test images/{n}.jpg", "pets/no_label/{n}.jpg"],
        _split("cat dog", None),
    ),
    "a test folder beside the classes": Case(
        "Pets",
        _under("pets pets/test", "cat", "dog"),
        _split("cat dog", "train", "test"),
    ),
    "classes with the words of splits": Case(
        "Documents",
        _under("documents", "valid", "invalid", "blood test", "submission"),
        {(name, None): 3 for name in ("valid", "invalid", "blood test", "submission")},
    ),
    "test as one of two classes": Case(
        "Experiments",
        _under("experiment", "control", "test"),
        _split("control test", None),
    ),
    "numbers of classes in a table": Case(
        "fastai, mnist_sample",
        _under("train valid", "3", "7"),
        _split("3 7", "train", "test"),
        {
            "labels.csv": "name,label\n"
            + "".join(
                f"{part}/{name}/{n}.jpg,{name == '7':d}\n"
                for part in ("train", "valid")
                for name in "37"
                for n in range(3)
            )
        },
    ),
    "one column per class beside metadata": Case(
        "ISIC 2019",
        ["ISIC_2019_Training_Input/ISIC_0{n}.jpg", "ISIC_2019_Training_Input/ISIC_1{n}.jpg"],
        _split("MEL NV", None),
        {
            "Training_GroundTruth.csv": "image,MEL,NV,BCC\n"
            + "".join(f"ISIC_0{n},1.0,0.0,0.0\nISIC_1{n},0.0,1.0,0.0\n" for n in range(3)),
            "Training_Metadata.csv": "image,site,lesion,sex\n"
            + "".join(f"ISIC_{k}{n},torso,L{n},{'fm'[k]}\n" for n in range(3) for k in (0, 1)),
        },
    ),
    "labels behind numbers": Case(
        "Microscopes",
        ["scan/IMG_000{n}_benign.png", "scan/IMG_001{n}_malignant.png"],
        _split("benign malignant", None),
    ),
    "tags of pictures": Case(
        "CVAT",
        ["images/1{n}.jpg", "images/2{n}.jpg"],
        _split("cat dog", None),
        {
            "annotations.xml": "".join(
                _rows('<image id="{n}" name="{x}{n}.jpg"><tag label="{label}"></tag></image>')
            )
        },
    ),
    "a file of tags per picture": Case(
        "Supervisely",
        ["ds/img/1{n}.jpg", "ds/img/2{n}.jpg"],
        _split("cat dog", None),
        _files(
            "ds/ann/{x}{n}.jpg.json",
            '{"tags": [{"name": "{label}"}], "size": {"height": {n}, "width": 9}, "objects": []}',
        ),
    ),
    "a file of flags per picture": Case(
        "LabelMe",
        TWO,
        _split("cat dog", None),
        {
            f"{x}{n}.json": f'{{"flags": {{"cat": {cat}, "dog": {dog}}}, "shapes": [], '
            f'"imagePath": "{x}{n}.jpg", "imageHeight": 9}}'
            for n in range(3)
            for x, cat, dog in ((1, "true", "false"), (2, "false", "true"))
        },
    ),
    "a file of annotations per picture": Case(
        "V7, Darwin",
        ["images/x1{n}.jpg", "images/x2{n}.jpg"],
        _split("cat dog", None),
        _files(
            "annotations/x{x}{n}.json",
            '{"item": {"name": "x{x}{n}.jpg", "path": "/"}, '
            '"annotations": [{"id": "x{x}{n}", "name": "{label}", "tag": {}}]}',
        ),
    ),
    "info.labels": Case(
        "Edge Impulse",
        [f"{part}/{c}.3k2j{{n}}x.jpg" for part in ("training", "testing") for c in ("cat", "dog")],
        _split("cat dog", "train", "test"),
        {
            "info.labels": '{"version": 1, "files": ['
            + ", ".join(
                record
                for part in ("training", "testing")
                for record in _rows(
                    f'{{"path": "{part}/{{label}}.3k2j{{n}}x.jpg", "category": "{part}", '
                    '"label": {"type": "label", "label": "{label}"}}'
                )
            )
            + "]}"
        },
    ),
    "classes named like a split": Case(
        "Vehicles",
        _under("train test", "bus", "train", "steam train"),
        _split("bus train", "train", "test")
        | {("steam train", part): 3 for part in ("train", "test")},
    ),
}


def picture(seed: int) -> bytes:
    """A PNG of noise."""
    pixels = np.random.default_rng(seed).integers(0, 255, (24, 24, 3), np.uint8)
    return encoded(Image.fromarray(pixels), "PNG")


def read(name: str, folder: Path) -> Counts | str:
    """How a layout is read: the pictures by class and split, or the refusal."""
    case = CASES[name]
    pictures = [picture.format(n=n) for picture in case.pictures for n in range(3)]
    try:
        layout = interpret(pictures, case.others, folder).layout
    except BadInput as refusal:
        return str(refusal)
    return dict(Counter((a.label, a.split) for a in layout.assignments if not a.reason))


def interpret(
    pictures: list[str], others: dict[str, str] | dict[str, bytes], folder: Path
) -> interpretation.Interpretation:
    """How pictures of these names are read beside other files, which are written to a folder."""
    members = []
    for number, (file, content) in enumerate(others.items()):
        path = folder / str(number)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        members.append(Member(name=file, path=path))
    return interpretation.interpret(
        "flowers.zip", pictures, members, Extraction(members=(), skipped=())
    )
