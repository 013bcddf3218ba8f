import numpy as np
import pytest

from core import backbones
from core.errors import RunDamaged
from core.model.classifier import Classifier
from core.model.dense import DenseHead
from core.settings import Settings


def test_weights_that_give_no_finite_probabilities_are_an_error() -> None:
    row = backbones.get(backbones.DEFAULT)
    network = Classifier.of_backbone(row, Settings())
    kernel, bias = np.ones((row.embedding, 2), np.float32), np.full(2, np.inf, np.float32)
    model = network.with_head(DenseHead(((kernel, bias),)), ("rose", "tulip"))
    picture = np.full((row.size, row.size, 3), 128, np.uint8)
    with np.errstate(invalid="ignore"), pytest.raises(RunDamaged, match="no probabilities"):
        model.answer(picture)
