"""Models that come back: a bundle from a stranger is read, checked, and answers here again."""

from core.bundles.bundle import Bundle
from core.bundles.imported import ImportedModel

__all__ = ["Bundle", "ImportedModel"]
