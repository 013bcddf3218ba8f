"""Change the choices for an upload in a callback, which may come after the upload was deleted."""

from collections.abc import Callable

from core.intake import choices, uploads
from core.intake.choices import Choices
from core.intake.uploads import Upload
from ui import resources, state, widgets


def change(upload: Upload, update: Callable[[Choices], Choices]) -> bool:
    """Save changed choices. Returns whether it was done; if not, the page shows why."""
    with widgets.keep_refusal(state.CHANGE_REFUSAL, upload.id):
        uploads.get(resources.settings(), upload.id)
        choices.change(upload.path, update)
        return True
    return False
