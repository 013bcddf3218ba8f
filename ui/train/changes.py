"""Change the choices for an upload in a callback, which may come after the upload was deleted."""

from collections.abc import Callable, Mapping

from core.intake import choices, uploads
from core.intake.choices import Choices
from core.intake.uploads import Upload
from ui import resources, state, widgets


def change(
    upload: Upload,
    update: Callable[[Choices], Choices],
    restore: Mapping[str, object] | None = None,
) -> None:
    """Save changed choices; if that is refused, the page of the upload shows why.

    Args:
        restore: as in `widgets.keep_refusal`.
    """
    with widgets.keep_refusal(state.CHANGE_REFUSAL, upload.id, restore):
        uploads.get(resources.settings(), upload.id)
        update(choices.read(upload.path)).write(upload.path)
