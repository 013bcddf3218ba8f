"""What is not public of Streamlit and Pillow is as it was; this fails at once after an upgrade."""

import asyncio
import inspect
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.NewSession_pb2 import NewSession
from streamlit.runtime.app_session import AppSession, AppSessionState
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner import ScriptRunner, get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_run_context import RunLocation, ThreadState
from streamlit.runtime.state import SafeSessionState
from streamlit.testing.v1 import AppTest

from ui import internals

ROOT = Path(__file__).parents[2]


def test_the_docstring_names_the_installed_versions() -> None:
    docstring = internals.__doc__ or ""
    assert f"Streamlit {version('streamlit')} and Pillow {version('pillow')}" in docstring


def test_only_internals_uses_private_parts_of_streamlit() -> None:
    private = re.compile(r"^\s*(from|import) streamlit\.(?!typing\b)|\bst\._", re.MULTILINE)
    folders = [ROOT / name for name in ("ui", "pages", "core", "api")]
    files = [ROOT / "app.py", ROOT / "server.py", *(p for f in folders for p in f.rglob("*.py"))]
    using = {str(path.relative_to(ROOT)) for path in files if private.search(path.read_text())}
    assert using == {"ui/internals.py"}


def test_streamlit_and_pillow_have_every_private_part_that_is_used() -> None:
    assert hasattr(PagesManager, "uses_pages_directory")
    for name in ("get_upload_urls", "remove_file", "remove_session_files"):
        assert callable(getattr(MemoryUploadedFileManager, name))
    assert callable(AppSession._create_new_session_message)
    assert callable(AppSession._handle_backend_operation_request)
    assert callable(AppSession.handle_backmsg)
    known = {kind.name for kind in BackMsg.DESCRIPTOR.oneofs_by_name["type"].fields}
    # A new kind of message needs a decision: does a page send it, or only a developer?
    assert known - internals.OF_DEVELOPERS == {
        *("rerun_script", "stop_script", "app_heartbeat"),
        *("file_urls_request", "backend_operation_request"),
        *("debug_disconnect_websocket", "debug_shutdown_runtime"),  # for Streamlit's own tests
    }
    assert known > internals.OF_DEVELOPERS
    assert "main_script_path" in NewSession.DESCRIPTOR.fields_by_name
    for name in ("_maybe_handle_execution_control_request", "_is_in_script_thread"):
        assert callable(getattr(ScriptRunner, name))
    assert "self._execing" in inspect.getsource(ScriptRunner.__init__)
    assert "self._state.on_script_will_rerun(" in inspect.getsource(SafeSessionState)
    assert hasattr(ThreadState, "get") and hasattr(RunLocation, "CALLBACK")
    contexts = []

    def script() -> None:
        import streamlit as st
        from streamlit.runtime.scriptrunner import get_script_run_ctx

        st.session_state["found"].append(get_script_run_ctx())

    at = AppTest.from_function(script)
    at.session_state["found"] = contexts
    at.run()
    (context,) = contexts
    for name in ("on_script_error", "uploaded_file_mgr", "session_id"):
        assert hasattr(context, name)
    assert get_script_run_ctx() is None
    pixels = Image.new("RGB", (1, 1))
    assert pixels._new(pixels.im).size == (1, 1)


def test_the_files_of_a_session_are_made_one_after_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun: list[tuple[int, int]] = []
    at_once: Counter[int] = Counter()
    most = 0

    async def make(self: AppSession, request: int) -> None:
        nonlocal most
        begun.append((id(self), request))
        at_once[id(self)] += 1
        most = max(most, *at_once.values())
        await asyncio.sleep(0)
        at_once[id(self)] -= 1

    async def ask() -> None:
        sessions = [AppSession.__new__(AppSession) for _ in range(2)]
        for session in sessions:
            session._state = AppSessionState.SHUTDOWN_REQUESTED  # or its end would be an error
        handle: Any = AppSession._handle_backend_operation_request
        await asyncio.gather(*(handle(s, n) for n in range(50) for s in sessions))
        await asyncio.gather(*(handle(s, 50) for s in sessions))

    monkeypatch.setattr(AppSession, "_handle_backend_operation_request", make)
    internals.operate_in_turn.__wrapped__()
    with ThreadPoolExecutor(1) as pool:  # another test may have left a loop in this thread
        pool.submit(asyncio.run, ask()).result()
    assert most == 1 and len(begun) == 2 * (internals.MOST_OPERATIONS + 1)


def test_what_only_developers_ask_for_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message can empty the caches of all visitors."""
    handled: list[str] = []

    def handle(_: AppSession, message: BackMsg) -> None:
        handled.append(str(message.WhichOneof("type")))

    monkeypatch.setattr(AppSession, "handle_backmsg", handle)
    internals.ignore_developers.__wrapped__()
    session = AppSession.__new__(AppSession)
    session._state = AppSessionState.SHUTDOWN_REQUESTED  # or its end would be an error
    for kind in ("clear_cache", "load_git_info", "set_run_on_save", "app_heartbeat"):
        message = BackMsg()
        setattr(message, kind, True)
        session.handle_backmsg(message)
    assert handled == ["app_heartbeat"]
