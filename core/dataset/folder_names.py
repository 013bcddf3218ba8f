"""What the names of folders mean: splits, masks, and words that say nothing about the pictures."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence

# Words of a folder's name. A folder of `unlabelled` pictures is left out.
_WORDS = {
    "train": "train training trainset trainval trn entrenamiento treino treinamento entrainement",
    "validation": "val valid validation validate valset dev validierung validacion validacao",
    "test": "test testing testset tst eval evaluation holdout prueba pruebas teste prüfung",
    "unlabelled": "pred predict prediction predictions unlabeled unlabelled submission",
}
_ROLES = {word: role for role, words in _WORDS.items() for word in words.split()}
# Words of folders that say nothing about what is in their pictures.
_GENERIC = """
images image imgs img pictures picture pics pic photos photo jpg jpeg png data dataset raw
original originals more new old other extra misc part batch session day take shot frame frames
folder set group site patient camera cam device user subject scan slide series copy color colour
gray grey grayscale greyscale rgb segmented cropped crop augmented resized jan feb mar apr may
jun jul aug sep oct nov dec
"""
# Words that say nothing if they are counted, as in `fold1` and `Hospital B`.
_COUNTED = """
hospital clinic center centre location loc fold split round run week month year block zone plate
"""
_PICTURES = "images image imgs img pictures picture photos photo jpegimages input inputs"
_MASKS = """
mask masks trimap trimaps segmentation segmentations annotation annotations gt groundtruth label
labels
"""

COPY = re.compile(r"(\s*-\s*copy(\s*\(\d+\))?|[\s_]copy[\s_]?\d*|\s*\(\d+\))$", re.IGNORECASE)
"""What operating systems add to the name of a copy."""


def role(folder: str) -> str | None:
    """What the words of a folder's name stand for: a split, `unlabelled`, or None."""
    found = {_ROLES.get(word) for word in _words(folder)} - {None}
    if found == {"train", "validation"}:
        return "train"
    return found.pop() if len(found) == 1 else None


def divided(folder: str) -> list[str]:
    """A name that has a class beside the word of a split as two: `train_cat` → `train`, `cat`."""
    words = re.split(r"[\s_-]+|(?<=[a-z])(?=[A-Z])", folder)
    rest = [word for word in words if word.casefold() not in _ROLES]
    return [str(role(folder)), " ".join(rest)] if role(folder) and any(rest) else [folder]


def is_generic(folder: str) -> bool:
    """Whether a name says nothing about the pictures: a number, a date, `images`, `part 2`."""
    words = _words(folder)
    counted = any(sign.isdigit() for sign in folder) or any(len(word) == 1 for word in words)
    known = _GENERIC.split() + _COUNTED.split() * counted
    numbers = any(sign.isdigit() for sign in folder) or any(word in known for word in words)
    return all(word in known or (numbers and len(word) == 1) for word in words)


def _words(folder: str) -> list[str]:
    split = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", normal(folder))
    return re.findall(r"[^\W\d_]+", split.casefold())


def printable(label: str) -> str:
    """A class name on one line: line breaks, control signs and stray surrogates become spaces."""
    plain = "".join(
        " " if unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp") else sign for sign in label
    )
    return label if plain == label else " ".join(plain.split()) or "unnamed"


def normal(name: str) -> str:
    """A name in Unicode's composed form."""
    return unicodedata.normalize("NFC", name)


def masks(names: Sequence[str]) -> frozenset[str]:
    """Pictures in folders of masks, as datasets for segmentation have beside their pictures.

    A folder of masks, such as `masks`, lies beside one such as `images`; `mask` may be a class.
    """
    beside: defaultdict[str, set[str]] = defaultdict(set)
    places = []
    for name in names:
        parts = name.split("/")
        pairs = [("/".join(parts[:n]), parts[n]) for n in range(len(parts) - 1)]
        places.append(pairs)
        for parent, folder in pairs:
            beside[parent].add(folder)
    pictures = {
        parent
        for parent, folders in beside.items()
        if any(
            set(_words(folder)) & set(_PICTURES.split()) and is_generic(folder)
            for folder in folders
        )
    }
    return frozenset(
        name
        for name, pairs in zip(names, places, strict=True)
        if any(parent in pictures and _is_of_masks(folder) for parent, folder in pairs)
    )


def _is_of_masks(folder: str) -> bool:
    words = _words(folder)
    return any(word in _MASKS.split() for word in words) and all(
        word in _MASKS.split() or word in _GENERIC.split() for word in words
    )
