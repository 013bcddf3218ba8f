"""What the commands do with data before they train on it."""

from pathlib import Path

from core.commands import arguments
from core.settings import Settings
from tests import shapes


def test_remedies_are_applied_until_nothing_blocks(tmp_path: Path) -> None:
    data, said = tmp_path / "data", []
    for start, label in enumerate(("Cat", "cat", "Dog", "dog", "owl")):
        (data / label).mkdir(parents=True)
        for n in range(3):
            (data / label / f"{n}.png").write_bytes(shapes.encoded(shapes.draw(start, n)))
    # Once it is left out, the class of owls has too few pictures.
    (data / "owl/0.png").write_bytes((data / "dog/0.png").read_bytes())
    with arguments.ingested(data, Settings(), lambda *_: None, said.append) as (examined, _):
        assert examined.dataset.classes == ("Cat", "Dog")
        assert len(examined.dataset.examples) == 11
    assert sum("done." in sentence for sentence in said) == 4
