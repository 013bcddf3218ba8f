"""The pictures that a visitor has captured, by class, and the head fitted to them."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np

from core import backbones
from core.capture.frames import Frame, make_frame
from core.capture.head import FittedHead, fit
from core.dataset import class_names
from core.errors import BadDataset, LimitExceeded
from core.model.classifier import Classifier, Open, on_two_threads
from core.model.decision import ALWAYS_ANSWER
from core.model.dense import DenseHead
from core.settings import MEGABYTE, Settings
from core.training.config import TrainingConfig

KEPT_CLASSES = 8
"""Number of ImageNet classes that the small head keeps."""


def open_network(settings: Settings, open_model: Open = on_two_threads) -> Classifier:
    """Open the backbone with a small head, which a browser uses to check its own engine.

    Pictures are cropped as in a training, so both compute the same embeddings.

    Raises:
        UnknownModel: the backbone has not been prepared on this machine.
    """
    network = Classifier.of_backbone(backbones.get(backbones.DEFAULT), settings, open_model)
    kernel, bias = network.dense_head.layers[-1]
    head = DenseHead(((np.ascontiguousarray(kernel[:, :KEPT_CLASSES]), bias[:KEPT_CLASSES]),))
    small = network.with_head(head, network.labels[:KEPT_CLASSES])
    return replace(small, crop=TrainingConfig().crop, decision=ALWAYS_ANSWER)


@dataclass
class Class:
    """A class with its pictures.

    Attributes:
        id: stays the same when the class is renamed.
    """

    id: int
    name: str
    pictures: list[Frame] = field(default_factory=list)


class CaptureSession:
    """Classes and their pictures, in memory only.

    Attributes:
        id: unique; ids of classes and pictures are only unique within a session.
        classes: in the order of creation.
        version: increases with every change.
        fitted_version: version that the head was fitted to.
        near_duplicates: number of pictures left out, as nearly the same as others.
    """

    def __init__(self, network: Classifier, settings: Settings) -> None:
        self._network, self._settings = network, settings
        self.id = secrets.token_hex(8)
        self.version = 0
        self.fitted_version = 0
        self._request = 0
        self._fitted_head: FittedHead | None = None
        self.clear()

    def clear(self) -> None:
        """Delete all pictures and start with two classes."""
        self.classes: list[Class] = []
        self.near_duplicates = 0
        self._next()
        for _ in range(2):
            self.add_class()

    def add_class(self) -> Class:
        """Add a class under an unused name.

        Raises:
            LimitExceeded: this host allows no more classes.
        """
        most = self._settings.classes
        if len(self.classes) >= most:
            raise LimitExceeded(
                f"Expected at most {most} classes. The host can raise "
                f"{Settings.variable('classes')}."
            )
        used = {cls.name.casefold() for cls in self.classes}
        number = next(n for n in range(1, most + 2) if f"class {n}" not in used)
        cls = Class(self._next(), f"Class {number}")
        self.classes.append(cls)
        return cls

    def rename(self, class_id: int, name: str) -> None:
        """Rename a class.

        Raises:
            BadDataset: the name is not allowed.
        """
        name, renamed = class_names.checked(name), self.class_of(class_id)
        names = {cls.name.casefold() for cls in self.classes if cls is not renamed}
        if name.casefold() in names:
            raise BadDataset(f"Expected a different name for each class, found {name} twice.")
        renamed.name = name
        self._next()

    def remove_class(self, class_id: int) -> None:
        """Delete a class and its pictures."""
        self.classes.remove(self.class_of(class_id))
        self._next()

    def add(self, class_id: int, contents: Iterable[bytes], burst: int) -> int:
        """Add pictures to a class, except those that are nearly the same as one of the class.

        Args:
            contents: picture files, in the order of capture.
            burst: number that pictures captured in one go share.

        Returns:
            Number of pictures left out.

        Raises:
            BadImage: a file cannot be read; the pictures before it are kept.
            LimitExceeded: this host keeps no more pictures per visitor; those before are kept.
        """
        cls, before = self.class_of(class_id), self.near_duplicates
        for content in contents:
            self._check_limits()
            picture = make_frame(content, self._network, id=self.version + 1, burst=burst)
            if picture.is_like(cls.pictures):
                self.near_duplicates += 1
                continue
            self._next()
            cls.pictures.append(picture)
        return self.near_duplicates - before

    def remove(self, picture_id: int) -> None:
        """Delete a picture, if it is still there."""
        for cls in self.classes:
            cls.pictures = [frame for frame in cls.pictures if frame.id != picture_id]
        self._next()

    def is_new_request(self, request: int) -> bool:
        """Whether the browser has not sent this number with its last request; 0 is always new."""
        repeated = request != 0 and request == self._request
        self._request = request
        return not repeated

    def class_of(self, class_id: int) -> Class:
        """The class with an id.

        Raises:
            BadDataset: the class was removed.
        """
        for cls in self.classes:
            if cls.id == class_id:
                return cls
        raise BadDataset("That class is no longer here. Choose another class.")

    @property
    def nonempty_classes(self) -> list[Class]:
        """The classes that have pictures, in the order of the head's outputs."""
        return [cls for cls in self.classes if cls.pictures]

    @property
    def count(self) -> int:
        """Number of pictures."""
        return sum(len(cls.pictures) for cls in self.classes)

    @property
    def bytes(self) -> int:
        """Memory that the pictures take."""
        return sum(frame.bytes for cls in self.classes for frame in cls.pictures)

    def fitted_head(self) -> FittedHead | None:
        """The head fitted to the present pictures; None if fewer than two classes have any."""
        if self.fitted_version != self.version:
            self.fitted_version, self._fitted_head = self.version, _fit_head(self.nonempty_classes)
        return self._fitted_head

    def classifier(self) -> Classifier | None:
        """The network with the fitted head."""
        fitted = self.fitted_head()
        if fitted is None:
            return None
        return self._network.with_head(
            fitted.head, tuple(cls.name for cls in self.nonempty_classes)
        )

    def _next(self) -> int:
        """Increase the version, and return it for use as an id."""
        self.version += 1
        return self.version

    def _check_limits(self) -> None:
        for count, limit, unit in (
            (self.count, "captured_pictures", "captured pictures"),
            (self.bytes / MEGABYTE, "captured_megabytes", "MB of captured pictures"),
        ):
            most = getattr(self._settings, limit)
            if count >= most:
                raise LimitExceeded(
                    f"Expected at most {most:,} {unit}. Save them now, "
                    f"delete some, or raise {Settings.variable(limit)}."
                )


def _fit_head(classes: list[Class]) -> FittedHead | None:
    if len(classes) < 2:
        return None
    frames = [(label, frame) for label, cls in enumerate(classes) for frame in cls.pictures]
    # A burst belongs to one class: the same number in two classes means two bursts.
    owned = np.array([(label, frame.burst) for label, frame in frames], np.int64)
    _, bursts = np.unique(owned, axis=0, return_inverse=True)
    return fit(np.stack([frame.embedding for _, frame in frames]), owned[:, 0], bursts)
