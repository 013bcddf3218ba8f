"""A session with the real server without a browser: speaks its protocol and keeps all messages."""

import contextlib
import http.client
import re
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Button_pb2 import Button
from streamlit.proto.Common_pb2 import FileURLs
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.sync.client import connect

from core.system import visitors

TIMEOUT_SECONDS = 120.0
QUIET_SECONDS = 1.0
"""Without a message after a run, after which no other run follows."""
MEDIA = re.compile(rb"/media/[\w.-]+")


@dataclass
class Session:
    """One visitor's connection.

    Attributes:
        url: of the server.
        cookie: the visitor's token; empty for a new visitor, who gets one with the first page.
        received: every message of the server, as it was received.
        address: query string that the server gave the page last.
        fragments: id of the fragment that a widget is in, by the widget's id.
        served: content by address of the files that the pages show or offer as downloads.
    """

    url: str
    cookie: str = ""
    header: str = ""
    address: str = ""
    received: list[bytes] = field(default_factory=list)
    elements: list[Element] = field(default_factory=list)
    served: dict[str, bytes] = field(default_factory=dict)
    fragments: dict[str, str] = field(default_factory=dict)
    _offered: set[str] = field(default_factory=set)

    def __enter__(self) -> Self:
        """Load the page, as a browser does, and connect."""
        answer = self._request("GET", "/")
        self.header = answer.getheader("Set-Cookie") or ""
        match = re.search(rf"{visitors.COOKIE}=(\w+)", self.header)
        self.cookie = match[1] if match else self.cookie
        checked = self._request("GET", "/_stcore/health").getheader("Set-Cookie") or ""
        self._check = (re.findall(r"_streamlit_xsrf=([^;]+)", checked) or [""])[0]
        self._connection = connect(
            self.url.replace("http", "ws", 1) + "/_stcore/stream",
            additional_headers=self._headers(),
            subprotocols=["streamlit"],  # type: ignore[list-item]
            max_size=None,
            open_timeout=TIMEOUT_SECONDS,
        )
        self._socket = self._connection.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave."""
        self._connection.__exit__(None, None, None)

    def open(self, page: str = "", query: str = "", widgets: tuple[WidgetState, ...] = ()) -> Self:
        """Run a page with these values of its widgets; `received` has those of all runs."""
        message = BackMsg()
        message.rerun_script.page_name = page
        message.rerun_script.query_string = query
        message.rerun_script.widget_states.widgets.extend(widgets)
        self.elements.clear()
        self._send(message)
        self._receive_until(_finished)
        for path in sorted(self._offered - self.served.keys()):
            self.served[path] = self._request("GET", path).read()
        return self

    def buttons(self, label: str) -> list[Button]:
        """The buttons of the page that can be clicked, by their label."""
        buttons = [element.button for element in self.elements if element.HasField("button")]
        return [button for button in buttons if button.label == label and not button.disabled]

    def send_twice(
        self, page: str, query: str, widget: WidgetState, pause: float, *, again: bool = True
    ) -> None:
        """Send a widget, and a request before the browser knows what the first one does.

        Args:
            pause: seconds between the requests.
            again: whether the second request has the widget, too.
        """
        message = BackMsg()
        message.rerun_script.page_name = page
        message.rerun_script.query_string = query
        message.rerun_script.widget_states.widgets.append(widget)
        message.rerun_script.fragment_id = self.fragments.get(widget.id, "")
        self._send(message)
        time.sleep(pause)
        if not again:
            message.rerun_script.ClearField("widget_states")
        self._send(message)
        self._receive_until(_finished)
        with contextlib.suppress(TimeoutError):
            while True:  # the page may run again, for the second request
                self._receive_until(_begun, timeout=QUIET_SECONDS)
                self._receive_until(_finished)

    def upload(self, name: str, content: bytes) -> WidgetState:
        """Give a file to the uploader of the page. Returns its state, for the next `open`."""
        uploader = next(e.file_uploader for e in self.elements if e.HasField("file_uploader"))
        address = self.offer(name)
        assert self.put(address.upload_url, name, content) == 204
        state = WidgetState(id=uploader.id)
        info = state.file_uploader_state_value.uploaded_file_info.add()
        info.name, info.size, info.file_id = name, len(content), address.file_id
        info.file_urls.CopyFrom(address)
        return state

    def offer(self, name: str) -> FileURLs:
        """Have the server offer an address for a file."""
        return self.offers([name])[0]

    def offers(self, names: Sequence[str]) -> Sequence[FileURLs]:
        """Have the server offer an address for each of some files."""
        message = BackMsg()
        message.file_urls_request.request_id = uuid.uuid4().hex
        message.file_urls_request.file_names.extend(names)
        message.file_urls_request.session_id = self._id
        self._send(message)
        response = self._receive_until(
            lambda response: response.WhichOneof("type") == "file_urls_response"
        )
        return response.file_urls_response.file_urls

    def put(self, address: str, name: str, content: bytes) -> int:
        """Send a file to an address. Returns the status."""
        edge = uuid.uuid4().hex
        head = f'--{edge}\r\nContent-Disposition: form-data; name="f"; filename="{name}"\r\n\r\n'
        body = head.encode() + content + f"\r\n--{edge}--\r\n".encode()
        kind = {"Content-Type": f"multipart/form-data; boundary={edge}"}
        return self._request("PUT", address, body, kind).status

    def remove_upload(self, upload: WidgetState) -> None:
        """Delete an uploaded file, as its delete button does."""
        for file in upload.file_uploader_state_value.uploaded_file_info:
            assert self._request("DELETE", file.file_urls.delete_url).status == 204

    def everything(self) -> bytes:
        """Everything that this session has received."""
        return b"\n".join([*self.received, *self.served.values()])

    def _send(self, message: BackMsg) -> None:
        self._socket.send(message.SerializeToString())

    def _receive_until(
        self, condition: Callable[[ForwardMsg], bool], timeout: float = TIMEOUT_SECONDS
    ) -> ForwardMsg:
        while True:
            raw = self._socket.recv(timeout=timeout)
            assert isinstance(raw, bytes)
            self.received.append(raw)
            # Pictures, downloads and pictures in tables, anywhere in a message.
            self._offered.update(path.decode() for path in MEDIA.findall(raw))
            message = ForwardMsg.FromString(raw)
            if message.WhichOneof("type") == "new_session":
                if not message.metadata.run.fragment_ids:
                    self.elements.clear()
                self._id = message.new_session.initialize.session_id
            elif message.WhichOneof("type") == "page_info_changed":
                self.address = message.page_info_changed.query_string
            elif message.WhichOneof("type") == "delta" and message.delta.HasField("new_element"):
                element = message.delta.new_element
                self.elements.append(element)
                widget = getattr(element, element.WhichOneof("type") or "", None)
                self.fragments[getattr(widget, "id", "")] = message.delta.fragment_id
            if condition(message):
                return message

    def _headers(self) -> dict[str, str]:
        cookies = [f"{visitors.COOKIE}={self.cookie}"] if self.cookie else []
        if check := getattr(self, "_check", ""):
            return {
                "Cookie": "; ".join([*cookies, f"_streamlit_xsrf={check}"]),
                "X-Xsrftoken": check,
            }
        return {"Cookie": cookies[0]} if cookies else {}

    def _request(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=TIMEOUT_SECONDS)
        connection.request(method, path, body or None, self._headers() | (headers or {}))
        return connection.getresponse()


def _begun(message: ForwardMsg) -> bool:
    """Whether a page begins to run."""
    return message.WhichOneof("type") == "new_session"


def _finished(message: ForwardMsg) -> bool:
    """Whether a page is complete, and not about to run again."""
    rerun = ForwardMsg.FINISHED_EARLY_FOR_RERUN
    return message.WhichOneof("type") == "script_finished" and message.script_finished != rerun
