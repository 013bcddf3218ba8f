"""Give back the memory that Streamlit keeps of an upload until its session ends."""

from __future__ import annotations

from collections.abc import Iterable

from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.typing import UploadedFile


def release(files: Iterable[UploadedFile]) -> None:
    """Drop uploads that are on disk now. Their widget must not be shown again under its key.

    Streamlit has no public call for this; its chat input does the same.
    """
    context = get_script_run_ctx()
    for file in files:
        file.close()
        if context is not None and isinstance(context.uploaded_file_mgr, MemoryUploadedFileManager):
            context.uploaded_file_mgr.remove_file(context.session_id, file.file_id)
