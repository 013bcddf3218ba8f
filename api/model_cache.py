"""Opened models, shared by all requests; the least recently used ones are dropped."""

import threading
from collections.abc import Hashable
from functools import lru_cache
from pathlib import Path
from weakref import WeakValueDictionary

import numpy as np

from api.errors import quote
from core import backbones, runs
from core.errors import UnknownModel
from core.model.classifier import Classifier, ServingModel, on_two_threads
from core.predict import lookup
from core.settings import Settings

MAX_MODELS = 4


class ModelCache:
    """A thread-safe cache of classifiers.

    Models with the same serving file share its interpreter: a backbone and all runs that kept the
    backbone frozen.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # Concurrent requests for a model open it once; those for others do not wait for it.
        self._locks: dict[Hashable, threading.Lock] = {}
        # The version is part of the key, so a changed model is opened again.
        self._opened = lru_cache(MAX_MODELS)(
            lambda name, _version: lookup.find(name, settings, self._open)
        )
        self._interpreters: WeakValueDictionary[Hashable, ServingModel] = WeakValueDictionary()

    def classifier(self, name: str) -> Classifier:
        """A model, opened again if its files or its decision have changed.

        Args:
            name: of a backbone, or the id of a run or of an imported model. Paths are rejected:
                clients must not reach other files of the host.

        Raises:
            UnknownModel: there is no such model, or the backbone is not prepared.
            RunDamaged: the run is incomplete, or its files differ from its manifest.
        """
        if not backbones.known(name) and not runs.RUN_ID.fullmatch(name):
            message = f"No model is called {quote(name)}. GET /api/models lists all models."
            raise UnknownModel(message)
        version = lookup.version(name, self._settings)
        with self._locks.setdefault(name, threading.Lock()):
            return self._opened(name, version)

    def _open(self, path: Path) -> ServingModel:
        key = path, path.stat().st_mtime_ns
        with self._locks.setdefault(key, threading.Lock()):
            model = self._interpreters.get(key)
            if model is None:
                model = on_two_threads(path)
                # The first call is slow and would count as inference time of the first picture.
                model.run(np.zeros((model.size, model.size, 3), np.uint8))
                self._interpreters[key] = model
        return model
