"""What one visitor has shown so far: classes with their pictures, and the head fitted to them."""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from core.archive.inspection import is_clutter
from core.capture.frames import Frame, take
from core.capture.head import FittedHead, fit
from core.errors import BadDataset, LimitExceeded
from core.model.classifier import Classifier
from core.settings import MEGABYTE, Settings

LONGEST = 60
"""Characters of a class's name."""
RESERVED = re.compile(r"(con|prn|aux|nul|(com|lpt)[1-9¹²³])\s*(\..*)?", re.IGNORECASE)
"""Names that Windows keeps for devices, whatever follows the first dot."""
FORBIDDEN = '/\\:*?"<>|'
"""Characters that not every system allows in the name of a folder."""


@dataclass
class Class:
    """A class that is being shown.

    Attributes:
        id: stays as it is when the class is renamed.
    """

    id: int
    name: str
    pictures: list[Frame] = field(default_factory=list)


@dataclass(frozen=True)
class Added:
    """What became of some pictures.

    Attributes:
        kept: how many are new.
        alike: how many were left out, being nearly the same as one of their class.
    """

    kept: int
    alike: int


class CaptureSession:
    """Classes and their pictures, in memory only.

    Attributes:
        id: no other has it, though its classes and pictures have the same numbers.
        classes: in the order they were made.
        version: rises with every change.
        fitted: rises with every head.
        alike: pictures that were left out, being nearly the same as others.
    """

    def __init__(self, network: Classifier, settings: Settings) -> None:
        self._network, self._settings = network, settings
        self.id = secrets.token_hex(8)
        self.classes: list[Class] = []
        self.version = 0
        self.alike = 0
        self._ids = 0
        self.fitted = 0
        self._deed = 0
        self._learned: tuple[tuple[int, ...], FittedHead | None] | None = None
        self.clear()

    def clear(self) -> None:
        """Forget all pictures and begin with two classes."""
        self.classes = []
        self.alike = 0
        self._next()
        for _ in range(2):
            self.add_class()

    def add_class(self) -> Class:
        """A new class under a name that is free.

        Raises:
            LimitExceeded: there are as many as this host allows.
        """
        most = self._settings.classes
        if len(self.classes) >= most:
            raise LimitExceeded(
                f"Expected at most {most} classes. The host can raise "
                f"{Settings.variable('classes')}."
            )
        taken = {one.name.casefold() for one in self.classes}
        number = next(n for n in range(1, most + 2) if f"class {n}" not in taken)
        made = Class(self._next(), f"Class {number}")
        self.classes.append(made)
        return made

    def rename(self, class_id: int, name: str) -> None:
        """Call a class something else.

        Raises:
            BadDataset: no class can be called that.
        """
        name = unicodedata.normalize("NFC", " ".join(name.split()))
        one = self.named(class_id)
        wrong = _wrong(name)
        if any(other is not one and _same(other.name, name) for other in self.classes):
            wrong = f"Expected a name of its own for each class, found {name} twice."
        if wrong:
            raise BadDataset(wrong)
        one.name = name
        self._next()

    def remove_class(self, class_id: int) -> None:
        """Forget a class and its pictures."""
        self.classes.remove(self.named(class_id))
        self._next()

    def add(self, class_id: int, contents: Iterable[bytes], burst: int) -> Added:
        """Take pictures in, but not those that are nearly the same as one of their class.

        Args:
            class_id: whose they are.
            contents: picture files, in the order they were taken.
            burst: a number that pictures taken in one go share.

        Raises:
            BadImage: one cannot be read; those before it are kept.
            LimitExceeded: they are more than this host keeps for a visitor; likewise.
        """
        one = self.named(class_id)
        kept = alike = 0
        for content in contents:
            self._check_room()
            picture = take(content, self._network, id=self._ids + 1, burst=burst)
            if picture.is_like(one.pictures):
                alike += 1
                self.alike += 1
                continue
            self._next()
            one.pictures.append(picture)
            kept += 1
        return Added(kept, alike)

    def remove(self, picture_id: int) -> None:
        """Forget a picture; one that is gone already is no trouble."""
        for one in self.classes:
            one.pictures = [each for each in one.pictures if each.id != picture_id]
        self._next()

    def first(self, deed: int) -> bool:
        """Whether an act of this number is new, and not the last one asked for once more.

        Args:
            deed: as its asker numbers what it asks for; 0 where it does not.
        """
        again = deed != 0 and deed == self._deed
        self._deed = deed
        return not again

    def named(self, class_id: int) -> Class:
        """The class of that id.

        Raises:
            BadDataset: it was removed.
        """
        for one in self.classes:
            if one.id == class_id:
                return one
        raise BadDataset("That class is no longer here. Show it to another one.")

    @property
    def shown(self) -> list[Class]:
        """The classes that have pictures, in the order of the head's answers."""
        return [one for one in self.classes if one.pictures]

    @property
    def count(self) -> int:
        """Pictures in all."""
        return sum(len(one.pictures) for one in self.classes)

    @property
    def bytes(self) -> int:
        """Of memory that they take."""
        return sum(picture.bytes for one in self.classes for picture in one.pictures)

    def learned(self) -> FittedHead | None:
        """The head fitted to what is there now; None while fewer than two classes have pictures."""
        shown = self.shown
        now = tuple(number for one in shown for number in (-one.id, *(p.id for p in one.pictures)))
        if self._learned is None or self._learned[0] != now:
            self._learned = now, _fitted(shown)
            self.fitted += 1
        return self._learned[1]

    def classifier(self) -> Classifier | None:
        """The network with that head."""
        learned = self.learned()
        if learned is None:
            return None
        return self._network.with_head(learned.head, tuple(one.name for one in self.shown))

    def _next(self) -> int:
        """A number that was not given before; also the mark of a change."""
        self._ids += 1
        self.version = self._ids
        return self._ids

    def _check_room(self) -> None:
        limits = self._settings
        if self.count >= limits.shown_pictures:
            raise LimitExceeded(
                f"Expected at most {limits.shown_pictures:,} pictures to be shown. Keep it now, "
                f"delete some, or raise {Settings.variable('shown_pictures')}."
            )
        if self.bytes >= limits.shown_megabytes * MEGABYTE:
            raise LimitExceeded(
                f"Expected at most {limits.shown_megabytes:,} MB of pictures to be shown. Keep it "
                f"now, delete some, or raise {Settings.variable('shown_megabytes')}."
            )


def _fitted(shown: list[Class]) -> FittedHead | None:
    if len(shown) < 2:
        return None
    pictures = [(label, picture) for label, one in enumerate(shown) for picture in one.pictures]
    # A burst is of one class: the same number in two says nothing.
    owned = np.array([(label, picture.burst) for label, picture in pictures], np.int64)
    _, bursts = np.unique(owned, axis=0, return_inverse=True)
    return fit(np.stack([picture.embedding for _, picture in pictures]), owned[:, 0], bursts)


def _same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()


def _wrong(name: str) -> str:
    """Why a folder cannot be called that; empty if it can."""
    if not name or len(name) > LONGEST:
        return f"Expected a name of 1 to {LONGEST} characters, found {len(name)}."
    if any(sign in FORBIDDEN or not sign.isprintable() for sign in name):
        return f"Expected a name that a folder can have, found {name!r}. Leave {FORBIDDEN} out."
    if is_clutter(f"{name}/0.jpg") or name.endswith(".") or RESERVED.fullmatch(name):
        return f"Expected a name that a folder can have, found {name!r}. Call it something else."
    return ""
