"""What looks at pictures that are shown: the default backbone, as a training would look."""

from __future__ import annotations

import numpy as np

from core import backbones
from core.backbones import serving
from core.model.classifier import Classifier, Open, opened
from core.model.dense import DenseHead
from core.settings import Settings
from core.training.config import TrainingConfig

FEW = 8
"""Of its own classes that it is left with."""


def network(settings: Settings, open_model: Open = opened) -> Classifier:
    """The backbone under a small head of its own, by which a browser can see that it runs rightly.

    Pictures are cut as a training cuts them, so what is learned here is what it starts from.

    Raises:
        UnknownModel: it has not been prepared on this machine.
    """
    row = backbones.get(backbones.DEFAULT)
    model = open_model(serving.required(row, settings))
    kernel, bias = model.head.layers[-1]
    few = DenseHead(((np.ascontiguousarray(kernel[:, :FEW]), bias[:FEW]),))
    return Classifier(
        model,
        title=row.title,
        labels=backbones.imagenet_labels()[:FEW],
        size=row.size,
        crop=TrainingConfig().crop,
        head=few,
    )
