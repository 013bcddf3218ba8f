from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.archive.unpacking import extract
from core.errors import BadArchive, BadInput
from core.settings import Settings

Refused = Callable[..., None]


@pytest.fixture
def refused(tmp_path: Path) -> Refused:
    """Checks that an archive is refused with certain words, and that nothing is left of it."""

    def check(
        content: bytes, words: str, error: type[BadInput] = BadArchive, **limits: Any
    ) -> None:
        path = tmp_path / "refused"
        path.write_bytes(content)
        with pytest.raises(error, match=words):
            extract(path, tmp_path / "nothing", Settings(**limits))
        assert not (tmp_path / "nothing").exists()

    return check
