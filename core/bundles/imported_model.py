"""The folder of one imported model: the files of its bundle, what is built of them, and its job.

As for a run, its id is the permission, `manifest.json` is written last, and the owner has
annotations, at first the decision of the bundle.
"""

import contextlib
import os
import time

import numpy as np

from core import backbones
from core.backbones import serving
from core.bundles.bundle import Bundle
from core.errors import RunDamaged, UnknownModel
from core.model import storage
from core.model.classifier import Classifier, Open, on_two_threads
from core.model.storage import ModelFile
from core.runs.annotations import AnnotatedFolder
from core.runs.manifest import Manifest
from core.settings import Settings
from core.system.progress import Progress

CHECKED_PICTURES = 2
"""Pictures of noise on which the network and its serving model are compared."""
DAMAGED = "This model is damaged: its files are not those of the bundle. Import it again."


class ImportedModel(AnnotatedFolder):
    """The folder of one imported model."""

    def model(self) -> ModelFile:
        """The description of the model: backbone, classes and other settings.

        Raises:
            RunDamaged: the file cannot be read.
        """
        return storage.load_description(self.path)

    def learned(self) -> frozenset[str]:
        """SHA-256 of the pictures that the model learned from, as far as its bundle says."""
        return storage.load_learned(self.path)

    @property
    def title(self) -> str:
        """Name of the model. Raises RunDamaged."""
        return self.annotations().name or self.manifest().name

    @property
    def at(self) -> float:
        """When the model was imported, in seconds since 1970. Raises RunDamaged."""
        return self.manifest().completed_at

    @property
    def damaged(self) -> bool:
        """Whether its description or manifest cannot be read."""
        try:
            self.model()
            self.manifest()
        except RunDamaged:
            return True
        return False

    def ready(self, settings: Settings) -> bool:
        """Whether the model can predict. Raises RunDamaged."""
        model = self.model()
        if model.fine_tuned:
            return (self.path / storage.SERVING).is_file()
        return serving.locate(backbones.get(model.backbone), settings) is not None

    def classifier(self, settings: Settings, open_model: Open = on_two_threads) -> Classifier:
        """The model, ready to predict. Each use postpones its deletion.

        Raises:
            RunDamaged: a file differs from the manifest.
            UnknownModel: its serving model has not been built yet.
        """
        if not self.ready(settings):
            raise UnknownModel("This model is still being prepared here. Try again in a minute.")
        with contextlib.suppress(OSError):
            os.utime(self.path)
        try:
            return super().classifier(settings, open_model)
        except RunDamaged as error:
            raise RunDamaged(DAMAGED) from error

    def store(self, bundle: Bundle, name: str) -> None:
        """Write the model of a bundle, with the decision that the bundle names."""
        bundle.write(self.path)
        chosen = {"threshold": bundle.model.threshold, "level": bundle.model.level}
        self.annotate(lambda annotations: annotations.model_copy(update=chosen))
        self.write_manifest(name, time.time())

    def write_manifest(self, name: str, at: float) -> None:
        """Record the hashes of the model's files."""
        paths = [self.path / file for file in storage.ANSWERING]
        present = [path for path in paths if path.is_file()]
        self.manifest.write(Manifest.of(self.path, present, name=name, completed_at=at))

    def build(self, settings: Settings, progress: Progress) -> None:
        """Build the serving model, or prepare the backbone. Imports TensorFlow.

        A fine-tuned network is built from the table of backbones with the published weights, then
        the arrays of the folder are loaded. Nothing that can be executed comes from outside.

        Raises:
            WeightsUnavailable: the backbone's weights cannot be had.
            RunDamaged: the folder's arrays cannot be read, or do not fit.
        """
        model, arrays = storage.load(self.path)
        backbone = backbones.get(model.backbone)
        if not model.fine_tuned:
            serving.prepare(backbone, settings, progress)
            return
        progress("Starting TensorFlow", 0, 100)
        from core.backbones import build
        from core.model import keras_model
        from core.training import serving_model, stages

        progress("Building the network", 50, 100)
        trunk = build.trunk(backbone, settings=settings)
        layers = keras_model.trained_layers(trunk, arrays)
        before = [layer.get_weights() for layer in layers]
        keras_model.restore(trunk, arrays)
        progress("Converting the network", 80, 100)
        generator = np.random.default_rng(0)
        shape = (backbone.size, backbone.size, 3)
        serving_model.write_trunk(
            trunk,
            lambda: stages.retrained(layers, before),
            serving.locate(backbone, settings),
            (generator.integers(0, 256, shape, np.uint8) for _ in range(CHECKED_PICTURES)),
            self.path / storage.SERVING,
        )
        imported = self.manifest()
        self.write_manifest(imported.name, imported.completed_at)
        progress("Converting the network", 100, 100)
