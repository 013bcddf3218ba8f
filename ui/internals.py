"""All uses of Streamlit's private interface; `tests/ui/test_internals.py` checks that they work.

Tried with Streamlit 1.67.0 and Pillow 13.0.0. Private parts of Pillow, `Image._new` and two methods
of `JpegImageFile`, are used in `core/images/`.
"""

import asyncio
import contextlib
import functools
import io
import mmap
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple
from weakref import WeakKeyDictionary

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime import Runtime, exists, memory_uploaded_file_manager
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner import ScriptRunner, StopException, get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_run_context import RunLocation, ThreadState
from streamlit.runtime.state import SafeSessionState
from streamlit.runtime.uploaded_file_manager import UploadFileUrlInfo
from streamlit.typing import UploadedFile

from core.intake.arrivals import Arrivals

__all__ = ["StopException"]

OF_DEVELOPERS = {"clear_cache", "set_run_on_save", "load_git_info"}
"""Kinds of messages that only the menu for developers sends, which is hidden."""
MOST_OPERATIONS = 20
"""Files that a session may wait for at a time."""


class Uploaded(NamedTuple):
    """A file from a browser."""

    name: str
    file_id: str
    open: Callable[[], IO[bytes]]
    """Opens the content at its start."""
    path: Path | None = None
    """Where it is on the disk; None if it is in memory."""

    def read(self) -> bytes:
        """The whole content."""
        with self.open() as stream:
            return stream.read()

    @property
    def content(self) -> bytes | Path:
        """Its path, or all of it if there is none."""
        return self.path or self.read()


class FromDisk(io.RawIOBase):
    """A file to download, written to the disk, where its content stays while Streamlit offers it.

    Streamlit keeps and sends what `read` returns, of which it only takes slices.
    """

    def __init__(self, write: Callable[[IO[bytes]], None], folder: Path) -> None:
        with tempfile.TemporaryFile(dir=folder) as file:  # its disk is freed with the mapping
            write(file)
            file.flush()
            self._content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))

    def seek(self, *_: int) -> int:
        """Do nothing: `read` returns everything at once."""
        return 0

    def read(self, *_: int) -> memoryview:
        """All of the content."""
        return self._content


class _Files(MemoryUploadedFileManager):
    """Reports to the arrivals which files uploaders request, and which are no longer needed."""

    arrivals: Arrivals

    def get_upload_urls(self, session_id: str, names: Sequence[str]) -> list[UploadFileUrlInfo]:
        # On the thread that answers everybody, and a name may take two bytes of a message.
        urls = super().get_upload_urls(session_id, names[: self.arrivals.most])
        self.arrivals.offer(session_id, [url.file_id for url in urls])
        return urls

    def remove_file(self, session_id: str, file_id: str) -> None:
        super().remove_file(session_id, file_id)
        self.arrivals.drop(session_id, file_id)

    def remove_session_files(self, session_id: str) -> None:
        super().remove_session_files(session_id)
        self.arrivals.drop(session_id)


def keep_uploads_in(arrivals: Arrivals) -> None:
    """Leave the content of uploads to `arrivals` in servers that are started from now on."""
    _Files.arrivals = arrivals
    memory_uploaded_file_manager.MemoryUploadedFileManager = _Files  # type: ignore[misc]


def hide_path() -> None:
    """Send browsers only the name of `app.py` from now on, not its path."""
    create = AppSession._create_new_session_message

    def created(self: AppSession, *args: Any, **kwargs: Any) -> ForwardMsg:
        message = create(self, *args, **kwargs)
        message.new_session.main_script_path = "app.py"
        return message

    AppSession._create_new_session_message = created  # type: ignore[method-assign]


@functools.cache
def complete_callbacks() -> None:
    """Serve a request that comes during a callback after it, from now on in all sessions.

    Streamlit would stop the callback at its next access to the session state or the address: a
    second click could stop the start of a training that the first one asked for. It would also
    drop a click whose callback has not begun.
    """
    handle = ScriptRunner._maybe_handle_execution_control_request

    def handle_later(self: ScriptRunner) -> None:
        running = self._execing and self._is_in_script_thread()  # else it has no location
        in_callback = running and ThreadState.get().run_location is RunLocation.CALLBACK
        if not in_callback:
            handle(self)

    def run_callbacks(self: SafeSessionState, *args: Any, **kwargs: Any) -> None:
        with self._lock:
            self._state.on_script_will_rerun(*args, **kwargs)

    ScriptRunner._maybe_handle_execution_control_request = handle_later  # type: ignore[method-assign]
    SafeSessionState.on_script_will_rerun = run_callbacks  # type: ignore[method-assign]


@contextlib.contextmanager
def completing() -> Iterator[None]:
    """Let no request stop the script in this block, as in a callback."""
    with ThreadState.scoped(run_location=RunLocation.CALLBACK):
        yield


@functools.cache
def operate_in_turn() -> None:
    """Make the files of downloads one after another in each session, from now on.

    Streamlit would begin to make a file at each of any number of requests, and go on with them when
    the visitor has left.
    """
    handle = AppSession._handle_backend_operation_request
    turns: WeakKeyDictionary[AppSession, asyncio.Lock] = WeakKeyDictionary()
    waiting: WeakKeyDictionary[AppSession, int] = WeakKeyDictionary()

    async def handle_in_turn(self: AppSession, request: Any) -> None:
        if waiting.get(self, 0) >= MOST_OPERATIONS:
            return
        waiting[self] = waiting.get(self, 0) + 1
        try:
            async with turns.setdefault(self, asyncio.Lock()):
                await handle(self, request)
        finally:
            waiting[self] -= 1

    AppSession._handle_backend_operation_request = handle_in_turn  # type: ignore[method-assign]


@functools.cache
def ignore_developers() -> None:
    """Ignore the messages of developers from now on.

    Any browser could empty the caches of all visitors, with the pictures that they have captured,
    or ask which files of this folder differ from its repository.
    """
    handle = AppSession.handle_backmsg

    def handle_some(self: AppSession, msg: BackMsg) -> None:
        if msg.WhichOneof("type") not in OF_DEVELOPERS:
            handle(self, msg)

    AppSession.handle_backmsg = handle_some  # type: ignore[method-assign]


def uploaded(file: UploadedFile) -> Uploaded:
    """An uploaded file, with its content from `arrivals` or from Streamlit."""
    context = get_script_run_ctx()
    manager = context.uploaded_file_mgr if context else None
    path = manager.arrivals.path(file.file_id) if isinstance(manager, _Files) else None

    def opened() -> IO[bytes]:
        return io.BytesIO(file.getvalue()) if path is None else path.open("rb")

    return Uploaded(file.name, file.file_id, opened, path)


def keep_uploads(files: Iterable[Uploaded]) -> None:
    """Keep files on the disk when their uploader has gone, in place of those kept before."""
    context = get_script_run_ctx()
    if context and isinstance(context.uploaded_file_mgr, _Files):
        ids = [file.file_id for file in files]
        context.uploaded_file_mgr.arrivals.keep(context.session_id, ids)


def forget_uploads(files: Iterable[UploadedFile]) -> None:
    """Free the memory of files; otherwise Streamlit would keep them until the session ends."""
    context = get_script_run_ctx()
    for file in files:
        file.close()
        if context and isinstance(context.uploaded_file_mgr, MemoryUploadedFileManager):
            context.uploaded_file_mgr.remove_file(context.session_id, file.file_id)


def opened_without_navigation() -> bool:
    """Whether Streamlit has opened a page by itself; true once per process.

    Until `st.navigation` has run once in the process, it takes a folder called `pages` for its
    older kind of multipage app.
    """
    opened = PagesManager.uses_pages_directory is True
    if opened:
        PagesManager.uses_pages_directory = False
    return opened


def handle_errors(handler: Callable[[Exception], bool]) -> None:
    """Have a function handle this visitor's exceptions in pages and callbacks.

    `st.App` accepts such a handler. A plain script has no public way to set one.
    """
    context = get_script_run_ctx()
    if context is None or context.on_script_error is not None:
        return
    context.on_script_error = handler
    manager = getattr(Runtime.instance(), "_session_mgr", None) if exists() else None
    info = manager.get_active_session_info(context.session_id) if manager else None
    if info is not None:
        # Callbacks of the next press run before this script does.
        info.session._on_script_error = handler
