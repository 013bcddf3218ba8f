"""What the names of folders mean: splits, masks, and words that say nothing about the pictures."""

import posixpath
import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Literal

Split = Literal["train", "validation", "test"]
Part = Literal["train", "validation", "test", "unlabelled"]
"""A split, or pictures without labels, which are left out."""


def vocabulary(text: str) -> frozenset[str]:
    """The set of words in a text."""
    return frozenset(text.split())


def unaccented(word: str) -> str:
    """A word in lower case and without accents."""
    if word.isascii():
        return word.lower()
    apart = unicodedata.normalize("NFKD", word.casefold())
    return "".join(char for char in apart if unicodedata.category(char) != "Mn")


# Words of a folder's name, without accents.
_WORDS: dict[Part, str] = {
    "train": """train training trainset trainval trn trainingsdaten trainingsbilder trainieren
        entrenamiento treino treinamento entrainement addestramento trening treningowe обучение
        обучающая тренировочная 训练 训练集 訓練 訓練集 訓練用 学習 学習用 학습 훈련""",
    "validation": """val valid validation validate valset dev validierung validierungsdaten
        validacion validacao convalida walidacja валидация проверка 验证 验证集 驗證 検証 検証用
        검증""",
    "test": """test testing testset tst eval evaluation holdout testen testdaten testbilder prufung
        prufen prueba pruebas teste testowe тест тестовая 测试 测试集 測試 テスト テスト用 테스트
        시험""",
    "unlabelled": """pred predict prediction predictions unlabeled unlabelled nolabel nolabels
        submission unsorted tosort unsortiert""",
}
# Words of folders that say nothing about what is in their pictures.
_GENERIC = vocabulary("""
images image imgs img pictures picture pics pic photos photo jpg jpeg png data dataset raw
original originals more new old other extra misc part batch session day take shot frame frames
folder set group site patient camera cam device user subject scan slide series copy
thumb thumbs thumbnail thumbnails depth ir nir thermal
color colour gray grey grayscale greyscale rgb segmented cropped crop augmented resized preprocessed
jan feb mar apr may jun jul aug sep oct nov dec
""")
# Words that say nothing if they are counted: `fold1`, `Hospital B`. `Zone B` may be a class.
_COUNTED = vocabulary(
    unaccented("""
hospital klinik site standort loc location transect fold split camera cam kamera study visit video
vid clip sequence seq scene batch round
january february march april june july august september october november december
januar februar märz mai juni juli oktober dezember
janvier février mars avril juin juillet août septembre octobre novembre décembre
enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre
""")
)
# Words of versions of a collection: `AugmentedDataset` beside `OriginalDataset`.
_VERSIONS = vocabulary("original originals augmented preprocessed processed backup")
_LISTS = (".txt", ".csv", ".tsv", ".json", ".mat")
# `photo` and `picture` may be classes.
_PICTURES = vocabulary("images image imgs img pictures photos jpegimages input inputs")
_MASKS = vocabulary("""
mask masks trimap trimaps segmentation segmentations annotation annotations gt groundtruth label
labels
""")

# `1_mask` of `1` and `cat (1)_mask` of `cat (1)`; but `cat mask` may be a class beside `cat`.
_MASK_OF = re.compile(
    r"(?P<picture>.*[\d)])[ _-](mask|segmentation|superpixels)([ _-]\d+)?",
    re.IGNORECASE | re.DOTALL,
)
_COPY = "(copy|kopie|copie|c[oó]pia|kopia|копия)"
NAMED_COPY = re.compile(
    rf"(?<!\s)\s+-\s+{_COPY}(\s*\(\d+\))?$|^{_COPY} (of|von|van|de|di) ", re.IGNORECASE
)
"""What operating systems and Google Drive add to the name of a copy: `cat - Copy`."""
COPY = re.compile(
    rf"{NAMED_COPY.pattern}|((?<!\s)\s*-|[\s_]){_COPY}[\s_]?\d*$|(?<!\s)\s*\(\d+\)$",
    re.IGNORECASE,
)
"""The same, and what classes may be named, too: `banknote copy`, `cat (2)`."""
# Days, and parts of downloads: `1. Mai 2024`, `cats-20240501T101010Z-001` (Google Drive).
_DAY_OR_DOWNLOAD = re.compile(
    r"\d{1,2}\.? [^\W\d_]+\.? (19|20)\d\d|[^\W\d_]+ \d{1,2}, (19|20)\d\d|.+-\d{8}T\d{6}Z-[\d-]+"
    r"|OneDrive_\d+_[\d-]+|iCloud Photos Part \d+ of \d+"
    r"|(19|20)\d\d([-_.])\d\d\4\d\d|\d\d([-_.])\d\d\5(19|20)\d\d"
)
# Folders of cameras are counted from 100: `100APPLE`, but not `001ROBIN`.
_CAMERA = re.compile(r"[1-9]\d\d[A-Z\d_]{5}")
# Words that name parts of a collection, not classes; `Day 1` and `Subject 1` may be classes.
_PARTS = vocabulary("""
images imgs pictures photos jpg png data dataset raw part batch folder session patient
""")
VIEWS = vocabulary("""
left right front back top bottom side before after day night small large near far links rechts vorne
hinten gauche droite
""")
"""Words for views of one thing."""


def role(folder: str) -> Part | None:
    """What the words of a folder's name stand for, if anything."""
    words = words_of(folder)
    roles = {_ROLES.get(word) for word in (*words, "".join(words))} - {None}
    if roles == {"train", "validation"}:
        return "train"
    return roles.pop() if len(roles) == 1 else None


def divide_name(folder: str) -> list[str]:
    """Split a name of a part and a class, `train_cat` → `train`, `cat`; others stay as they are."""
    words = list(filter(None, re.split(r"[\s_()-]+|(?<=[a-z])(?=[A-Z])", folder)))
    rest = [word for word in words if unaccented(word) not in _ROLES]
    is_role = unaccented("".join(words)) in _ROLES  # `no_label`
    part = role(folder)
    return [part, " ".join(rest)] if part and any(rest) and not is_role else [folder]


def is_generic(folder: str) -> bool:
    """Whether a name says nothing about the pictures: a number, a date, `images`, `part 2`."""
    words = words_of(folder)
    has_number = any(char.isdigit() for char in folder)
    has_letter = any(len(word) == 1 for word in words)
    has_counted = any(word in _COUNTED for word in words)
    meaningless = _GENERIC | _COUNTED if has_number or has_letter else _GENERIC
    if has_number or has_counted:  # `Hospital B`, `1a`
        words = [word for word in words if len(word) > 1]
    is_named_so = _DAY_OR_DOWNLOAD.fullmatch(folder) or _CAMERA.fullmatch(folder)
    return meaningless.issuperset(words) or is_named_so is not None


def is_part(folder: str) -> bool:
    """Whether a name is that of a part of a collection: `images_001`, `100APPLE`, `2024-05-01`."""
    if _CAMERA.fullmatch(folder) or _DAY_OR_DOWNLOAD.fullmatch(folder):
        return True
    return is_generic(folder) and not _PARTS.isdisjoint(words_of(folder))


def holds_classes(folder: str) -> bool:
    """Whether a folder with the subfolders of others is no class: `part 2`, `AugmentedDataset`."""
    return is_generic(folder) or not _VERSIONS.isdisjoint(words_of(folder))


def words_of(folder: str) -> list[str]:
    """The words of a name in lower case and without accents, also of one such as `TrainImages`."""
    split = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", nfc(folder))
    return re.findall(r"[^\W\d_]+", unaccented(split))


def may_list_split(file: str) -> bool:
    """Whether a file is named like a list of a split: `splits.json`, `train_test.txt`."""
    path = PurePosixPath(file)
    words = words_of(path.stem)
    rest = [word for word in words if word not in ("split", "splits")]
    says_split = len(rest) < len(words) and (
        words[0] not in rest or all(word in _ROLES or is_generic(word) for word in rest)
    )
    says_both = {"train", "test"} <= {_ROLES.get(word) for word in words}
    return path.suffix.lower() in _LISTS and (says_split or says_both)


def printable(label: str) -> str:
    """A class name on one line: spaces for line breaks, control characters and stray surrogates."""
    shown = "".join(
        " " if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") else char for char in label
    )
    return label if shown == label else " ".join(shown.split()) or "unnamed"


def nfc(name: str) -> str:
    """A name in Unicode's composed form."""
    return unicodedata.normalize("NFC", name)


_ROLES: dict[str, Part] = {
    unaccented(word): part for part, words in _WORDS.items() for word in words.split()
}


def name_key(label: str) -> str:
    """A key that is equal for all spellings of a name."""
    return re.sub(r"[\s_-]+", " ", nfc(label).casefold()).strip()


def masks(names: Sequence[str]) -> frozenset[str]:
    """Masks, as datasets for segmentation have beside their pictures: `1_mask.png` of `1.png`.

    Others are in folders of masks.

    `masks` is such a folder if `images` or the like is beside it, no third folder has a name that
    could be a class, and most of its files are named after pictures: `1.png` or `1_mask.png` for
    `1.jpg`. Beside other folders, it is one if most of its files are in class folders below
    `images` as well.
    """
    below: defaultdict[str, defaultdict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for name in names:
        parts = name.split("/")
        for n, folder in enumerate(parts[:-1]):
            below["/".join(parts[:n])][folder].append(name)
    stems = {posixpath.splitext(name)[0] for name in names}
    alike = (_MASK_OF.fullmatch(stem) for stem in stems)
    of_one = {mask[0] for mask in alike if mask and mask["picture"] in stems}
    all_masks = {name for name in names if posixpath.splitext(name)[0] in of_one}
    for folders in below.values():
        of_masks = {folder for folder in folders if _is_of(_MASKS, folder)}
        if not of_masks:
            continue
        beside = set(folders) - of_masks
        of_pictures = {folder for folder in beside if _is_of(_PICTURES, folder)}
        alone = all(map(is_generic, beside - of_pictures))
        words_in = _file_words if alone else _folder_and_words
        pictures = {
            words_in(name)
            for folder in (of_pictures if alone else beside)
            for name in folders[folder]
            # `segmentations/albatross/1.png` beside `CUB/images/albatross/1.jpg`
            if alone or not _PICTURES.isdisjoint(name.casefold().split("/"))
        }
        marks = [name for folder in of_masks for name in folders[folder]]
        named = sum(
            any(words[:n] in pictures for n in range(1, len(words) + 1))
            for words in map(words_in, marks)
        )
        if named * 2 > len(marks):
            all_masks.update(marks)
    return frozenset(all_masks)


def _is_of(kind: frozenset[str], folder: str) -> bool:
    """Whether a folder's name has words of this kind, and else none that mean something."""
    words = set(words_of(folder))
    return bool(words & kind) and words <= kind | _GENERIC


def _folder_and_words(name: str) -> tuple[str, ...]:
    """`_file_words`, the first with the name of the folder; none if that says nothing."""
    folder, words = PurePosixPath(name).parent.name, _file_words(name)
    means_something = not role(folder) and not is_generic(folder)
    return (f"{folder}/{words[0]}", *words[1:]) if words and means_something else ()


def _file_words(name: str) -> tuple[str, ...]:
    """The words and numbers of a file name, without those that say that it is a picture or mask."""
    words = re.findall(r"[^\W\d_]+|\d+", PurePosixPath(name).stem.casefold())
    return tuple(word for word in words if word not in _PICTURES | _MASKS)
