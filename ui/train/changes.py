"""Change the choices for an upload in a callback, which may come after the upload was deleted."""

from collections.abc import Callable

from core.intake import choices, uploads
from core.intake.choices import Choices
from core.intake.uploads import Upload
from ui import resources


def change(upload: Upload, update: Callable[[Choices], Choices]) -> None:
    """Save changed choices. Raises TuskerError if the upload has been deleted."""
    uploads.get(resources.settings(), upload.id)
    choices.change(upload.path, update)
