"""Models that come back: a bundle from a stranger is read, checked, and answers here again."""

from core.bundles.brought import Brought
from core.bundles.bundle import Bundle

__all__ = ["Brought", "Bundle"]
