"""The network that computes the embeddings of captured pictures: the default backbone."""

from __future__ import annotations

import numpy as np

from core import backbones
from core.backbones import serving
from core.model.classifier import Classifier, Open, opened
from core.model.dense import DenseHead
from core.settings import Settings
from core.training.config import TrainingConfig

CLASSES = 8
"""ImageNet classes that its head keeps."""


def network(settings: Settings, open_model: Open = opened) -> Classifier:
    """Open the backbone with a small head, by which a browser can check its own engine.

    Pictures are cropped as in a training, so both compute the same embeddings.

    Raises:
        UnknownModel: the backbone has not been prepared on this machine.
    """
    row = backbones.get(backbones.DEFAULT)
    model = open_model(serving.required(row, settings))
    kernel, bias = model.head.layers[-1]
    head = DenseHead(((np.ascontiguousarray(kernel[:, :CLASSES]), bias[:CLASSES]),))
    return Classifier(
        model,
        title=row.title,
        labels=backbones.imagenet_labels()[:CLASSES],
        size=row.size,
        crop=TrainingConfig().crop,
        head=head,
    )
