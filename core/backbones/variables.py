"""Names and shapes of the trainable weights of each backbone, without TensorFlow.

`python -m core.backbones.variables` rewrites the table; `tests/core/backbones/test_variables.py`
compares it with the networks.
"""

import functools
import sys
from pathlib import Path

from pydantic import BaseModel, TypeAdapter

from core.backbones.row import Backbone
from core.backbones.table import ALL
from core.system import files

TABLE = Path(__file__).parent / "data" / "variables.json"
PREFIX = "trunk."


class Variables(BaseModel, frozen=True, extra="forbid"):
    """Trainable weights of a backbone.

    Attributes:
        shapes: of each weight by `<index of its layer>.<name>`, from the input up.
        ends: index of the last layer of each stage.
    """

    shapes: dict[str, tuple[int, ...]]
    ends: tuple[int, ...]

    def above(self, stage: int) -> dict[str, tuple[int, ...]]:
        """Shapes of the weights above a stage, by their names in a model's arrays."""
        return {
            PREFIX + name: shape
            for name, shape in self.shapes.items()
            if int(name.partition(".")[0]) > self.ends[stage]
        }


_ROWS = TypeAdapter(dict[str, Variables])


def of(backbone: Backbone) -> Variables:
    """Trainable weights of a backbone."""
    return _table()[backbone.name]


@functools.cache
def _table() -> dict[str, Variables]:
    return _ROWS.validate_json(TABLE.read_bytes())


def from_network(backbone: Backbone) -> Variables:
    """Read names and shapes from the network itself. Imports TensorFlow."""
    import keras

    from core.backbones import build

    trunk = build.trunk(backbone, "random")
    index_of = {layer.name: index for index, layer in enumerate(trunk.layers)}
    return Variables(
        shapes={
            f"{index}.{variable.name}": tuple(variable.shape)
            for index, layer in enumerate(trunk.layers)
            if not isinstance(layer, keras.layers.BatchNormalization)
            for variable in layer.trainable_variables
        },
        ends=tuple(index_of[stage.layer] for stage in backbone.stages),
    )


def main() -> int:
    """Write the table of all backbones."""
    rows = {row.name: from_network(row) for row in ALL.values()}
    lines = (f'"{name}": {variables.model_dump_json()}' for name, variables in rows.items())
    files.write_text(TABLE, "{\n" + ",\n".join(lines) + "\n}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
