"""The update rules on NumPy arrays do what those of Keras do."""

import numpy as np
import pytest

from core.training.config import Phase
from core.training.optimizers import optimizer

RATE = 0.01
STEPS = 12


def keras_optimizer(phase):
    import keras

    match phase.optimizer:
        case "adam":
            return keras.optimizers.Adam(RATE)
        case "adamw":
            return keras.optimizers.AdamW(RATE, weight_decay=phase.weight_decay)
        case "rmsprop":
            return keras.optimizers.RMSprop(RATE)
        case "sgd":
            return keras.optimizers.SGD(RATE, momentum=phase.momentum)


@pytest.mark.parametrize(
    "phase",
    [
        Phase(optimizer="adam", learning_rate=RATE),
        Phase(optimizer="adamw", learning_rate=RATE, weight_decay=0.3),
        Phase(optimizer="rmsprop", learning_rate=RATE),
        Phase(optimizer="sgd", learning_rate=RATE, momentum=0.9),
        Phase(optimizer="sgd", learning_rate=RATE, momentum=0),
    ],
    ids=lambda phase: f"{phase.optimizer} {phase.momentum}",
)
def test_a_rule_steps_as_keras_does(phase):
    import keras

    random = np.random.default_rng(0)
    arrays = [random.normal(size=shape).astype(np.float32) for shape in ((3, 4), (4,))]
    variables = [keras.Variable(array) for array in arrays]
    update, keras_rule = optimizer(phase), keras_optimizer(phase)
    for step in range(STEPS):
        # Of very different sizes, and now and then none at all.
        size = 0 if step == 5 else 10.0 ** (step % 4 - 2)
        gradients = [(size * random.normal(size=a.shape)).astype(np.float32) for a in arrays]
        update(arrays, gradients)
        keras_rule.apply([keras.ops.convert_to_tensor(g) for g in gradients], variables)
        for array, variable in zip(arrays, variables, strict=True):
            assert array.dtype == np.float32
            np.testing.assert_allclose(array, np.asarray(variable), atol=1e-5)
