"""The files to take away."""

from __future__ import annotations

from ui import exports
from ui.report.opened import Opened


def show(opened: Opened) -> None:
    """All of them."""
    exports.show(opened.run, opened.settings)
