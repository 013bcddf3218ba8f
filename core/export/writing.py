"""Write a run in each export format."""

import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core import backbones, images
from core.backbones import Backbone
from core.export import parts
from core.export.formats import INT8, ONNX, SAVED_MODEL, Format, describe
from core.export.parts import Int8Trunk
from core.model import storage
from core.model.dense import DenseHead
from core.model.litert_file import LitertFile
from core.runs.run import Run
from core.settings import Settings

CALIBRATION_PICTURES = 100
"""Pictures whose activations give the ranges of int8."""


@dataclass(frozen=True)
class Writer:
    """A run with its model, and the functions that write each format from them."""

    run: Run
    pictures: Path | None
    settings: Settings
    model: storage.ModelFile
    arrays: dict[str, np.ndarray]

    def write(self, form: Format, path: Path) -> None:
        """Write a format."""
        writers: dict[str, Callable[[Path], None]] = {
            storage.LITERT: self._litert,
            INT8: self._int8,
            ONNX: self._onnx,
            storage.KERAS: self._keras,
            SAVED_MODEL: self._saved_model,
        }
        writers[form.file](path)

    def starts_tensorflow(self, form: Format) -> bool:
        """Whether writing a format starts TensorFlow in this process."""
        if "tensorflow" in sys.modules:
            return False
        if form.file == INT8:
            return self.cached_int8() is None
        if form.file == storage.KERAS:
            return not parts.backbone_path(self._backbone, self.settings).is_file()
        return form.file == SAVED_MODEL

    @property
    def int8_path(self) -> Path | None:
        """Where the int8 network is cached for all runs; None if this run changed the backbone."""
        if self.model.fine_tuned:
            return None
        return parts.int8_path(self._backbone, self.model.depths, self.settings)

    def cached_int8(self) -> Int8Trunk | None:
        """The cached int8 network; None if there is none that this run can use."""
        return None if self.int8_path is None else parts.load_int8(self.int8_path)

    @property
    def _backbone(self) -> Backbone:
        return backbones.get(self.model.backbone)

    def _litert(self, path: Path) -> None:
        file = self._network()
        file.add_head(DenseHead.from_arrays(self.arrays), "embedding", "feature_map")
        self._describe(file, path)

    def _int8(self, path: Path) -> None:
        trunk = self.cached_int8()
        if trunk is None:
            trunk = self._quantised()
            if self.int8_path is not None:
                parts.save_int8(self.int8_path, trunk)
        file = LitertFile(trunk.content.tobytes())
        file.add_head(DenseHead.from_arrays(self.arrays).with_scaling(trunk.scale, trunk.shift))
        self._describe(file, path)

    def _onnx(self, path: Path) -> None:
        from core.export import onnx_file

        file = self._network()
        file.add_head(DenseHead.from_arrays(self.arrays), "embedding")
        onnx_file.write(file, path, *describe(self.model))

    def _keras(self, path: Path) -> None:
        from core.export import keras_file

        base = parts.backbone_file(self._backbone, self.settings)
        keras_file.write(base, self.model, self.arrays, path)

    def _saved_model(self, path: Path) -> None:
        from core.export import convert

        source = path.with_name(f"source-{storage.KERAS}")
        self._keras(source)
        convert.to_saved_model(source, path, describe(self.model)[1])

    def _network(self) -> LitertFile:
        path = storage.serving_model(self.run.model_folder, self.model, self.settings)
        return LitertFile(path)

    def _describe(self, file: LitertFile, path: Path) -> None:
        file.describe(*describe(self.model))
        file.write(path)

    def _quantised(self) -> Int8Trunk:
        """The network below the head in int8, with ranges of activations on the run's pictures."""
        from core.export import convert

        with tempfile.TemporaryDirectory(prefix="tusker-") as scratch:
            source = Path(scratch) / storage.KERAS
            self._keras(source)
            return convert.to_int8(source, self._views())

    def _views(self) -> np.ndarray:
        """(n, size, size, 3) uint8: training pictures or, if deleted, copies of test pictures."""
        examples = self.run.dataset().of("test" if self.pictures is None else "train")
        indices = evenly_spaced(len(examples), CALIBRATION_PICTURES)
        if self.pictures is None:
            paths = [self.run.thumbnail(index) for index in indices]
        else:
            paths = [self.pictures / examples[index].path for index in indices]
        size, crop, scale = self.model.size, self.model.crop, self.model.scale
        return np.stack(
            [
                images.decode_and_crop(path, size, crop, scale, limits=self.settings)
                for path in paths
            ]
        )


def evenly_spaced(total: int, count: int) -> list[int]:
    """At most `count` evenly spaced indices below `total`."""
    return np.unique(np.linspace(0, total - 1, count).round().astype(int)).tolist()
