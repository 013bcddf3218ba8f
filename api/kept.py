"""Models that are ready to answer, shared by all requests; those asked last are kept."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from pathlib import Path
from weakref import WeakValueDictionary

import numpy as np

from api.refusals import shown
from core import backbones, runs
from core.backbones import serving
from core.errors import UnknownModel
from core.model.classifier import Classifier, ServingModel, opened
from core.predict import lookup
from core.settings import Settings

MODELS = 4


class Kept:
    """The models asked last. Safe to share between threads.

    Models that answer through the same file share its interpreter: a backbone and all runs whose
    backbone stayed frozen.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._classifiers: OrderedDict[str, tuple[Hashable, Classifier]] = OrderedDict()
        self._interpreters: WeakValueDictionary[Hashable, ServingModel] = WeakValueDictionary()

    def classifier(self, name: str) -> Classifier:
        """A model as it is now, whatever was kept before its files or its threshold changed.

        Args:
            name: of a backbone, or the id of a run or of a brought model. Never a folder or a
                bundle: a client has no business there.

        Raises:
            UnknownModel: nothing is called that, or it has not been prepared.
            RunDamaged: the run is not complete, or its files are not what its manifest says.
        """
        with self._lock:  # what many ask for at once is opened once
            state = self._state(name)
            known = self._classifiers.pop(name, None)
            if known is None or known[0] != state:
                known = state, lookup.find(name, self._settings, self._open)
            self._classifiers[name] = known
            while len(self._classifiers) > MODELS:
                self._classifiers.popitem(last=False)
            return known[1]

    def _state(self, name: str) -> Hashable:
        """What a model depends on; another one means that it has changed."""
        if backbones.known(name):
            return serving.required(backbones.get(name), self._settings)
        if runs.RUN_ID.fullmatch(name):
            found = lookup.of_id(name, self._settings)
            return found.changed_at, found.annotations().model_dump_json()
        raise UnknownModel(
            f"No backbone and no run is called {shown(name)}. GET /api/models lists what is ready."
        )

    def _open(self, path: Path) -> ServingModel:
        key = path, path.stat().st_mtime_ns
        model = self._interpreters.get(key)
        if model is None:
            model = self._interpreters[key] = opened(path)
            # The first call sets it up; that is not part of the time of any picture.
            model.run(np.zeros((model.size, model.size, 3), np.uint8))
        return model
