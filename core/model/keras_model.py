"""Convert between the trained weights of a Keras network and named arrays."""

import keras
import numpy as np

from core.errors import RunDamaged


def trained_arrays(trunk: keras.Model, above: keras.Model) -> dict[str, np.ndarray]:
    """Weights that fine-tuning trained, by layer index in the trunk: `trunk.<index>.<variable>`.

    Indices are used since the layer names of some networks depend on what was built before.
    """
    trained = {id(layer) for layer in above.layers if layer.trainable}
    return {
        f"trunk.{index}.{variable.name}": variable.numpy()
        for index, layer in enumerate(trunk.layers)
        if id(layer) in trained
        for variable in layer.trainable_variables
    }


def trained_layers(trunk: keras.Model, arrays: dict[str, np.ndarray]) -> list[keras.layers.Layer]:
    """The layers that the arrays belong to, from the input up."""
    indices = {int(name.split(".")[1]) for name in arrays if name.startswith("trunk.")}
    return [trunk.layers[index] for index in sorted(indices)]


def restore(trunk: keras.Model, arrays: dict[str, np.ndarray]) -> None:
    """Load the arrays of `trained_arrays` into a backbone; other arrays are ignored.

    Raises:
        RunDamaged: the arrays do not fit the backbone.
    """
    for name, array in arrays.items():
        if not name.startswith("trunk."):
            continue
        _, index, variable_name = name.split(".", 2)
        try:
            layer = trunk.layers[int(index)]
            variable = next(v for v in layer.trainable_variables if v.name == variable_name)
            variable.assign(array)
        except (IndexError, StopIteration, ValueError) as error:
            raise RunDamaged(f"The weights of this run do not fit {trunk.name}.") from error
