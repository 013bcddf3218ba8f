"""Import models from outside: a bundle is checked, and its network is built here again."""

from core.bundles.imported_model import ImportedModel
