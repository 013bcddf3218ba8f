"""Ask the endpoint as a program would, and write forms byte by byte, whole or spoiled."""

import http.client
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

PATIENCE = 60
BOUNDARY = "boundary-of-a-test"
FORM = f"multipart/form-data; boundary={BOUNDARY}"


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        """The content, which must be JSON."""
        assert self.headers["content-type"] == "application/json", self
        return json.loads(self.content)

    @property
    def refusal(self) -> str:
        """The sentence of a refusal, which must be nothing but that."""
        assert 400 <= self.status < 500, self
        (sentence,) = self.json.values()
        assert sentence[0].isupper() and "\n" not in sentence and len(sentence) < 300, sentence
        return sentence


@dataclass(frozen=True)
class Client:
    """Asks one server, with a connection for each request."""

    url: str

    def ask(
        self,
        path: str,
        *,
        method: str = "GET",
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        """Send a request and wait for the answer."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=PATIENCE)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            given = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, given, answer.read())
        finally:
            connection.close()

    def predict(
        self,
        *parts: bytes,
        query: str = "",
        kind: str = FORM,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        """Ask for predictions with a form of these parts."""
        given = {"Content-Type": kind} | (headers or {})
        path = f"/api/predict{query}"
        return self.ask(path, method="POST", body=form(*parts), headers=given)


def picture(content: bytes, name: str | bytes = "a.jpg", field: str = "picture") -> bytes:
    """A part of a form that is a file."""
    raw = name.encode() if isinstance(name, str) else name
    said = f'Content-Disposition: form-data; name="{field}"; filename="'.encode() + raw + b'"'
    return said + b"\r\nContent-Type: application/octet-stream\r\n\r\n" + content


def value(field: str, text: str) -> bytes:
    """A part of a form that is text."""
    return f'Content-Disposition: form-data; name="{field}"\r\n\r\n{text}'.encode()


def form(*parts: bytes) -> bytes:
    """Parts as the body of a form."""
    opened = f"--{BOUNDARY}\r\n".encode()
    return b"".join(opened + part + b"\r\n" for part in parts) + f"--{BOUNDARY}--\r\n".encode()
