"""A client of the API that builds forms byte by byte, valid or malformed."""

import http.client
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

TIMEOUT = 60
BOUNDARY = "boundary-of-a-test"
FORM = f"multipart/form-data; boundary={BOUNDARY}"


@dataclass(frozen=True)
class Reply:
    """A response."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        """The content, which must be JSON."""
        assert self.headers["content-type"] == "application/json", self
        return json.loads(self.content)

    @property
    def error(self) -> str:
        """The message of an error, which must be one sentence and nothing else."""
        assert 400 <= self.status < 500, self
        (message,) = self.json.values()
        assert message[0].isupper() and "\n" not in message and len(message) < 300, message
        return message


@dataclass(frozen=True)
class Client:
    """Sends requests to one server, each over a new connection."""

    url: str

    def request(
        self, path: str, *, method: str = "GET", body: bytes | None = None, **headers: str | bytes
    ) -> Reply:
        """Send a request; `Content_Type=` is the header Content-Type."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=TIMEOUT)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, body, named)
            response = connection.getresponse()
            received = {name.lower(): value for name, value in response.getheaders()}
            return Reply(response.status, received, response.read())
        finally:
            connection.close()

    def post(self, body: bytes, content_type: str = FORM, **headers: str | bytes) -> Reply:
        """Send a body to `/api/predict`."""
        headers |= {"Content_Type": content_type}
        return self.request("/api/predict", method="POST", body=body, **headers)

    def predict(self, *parts: bytes, query: str = "", **headers: str | bytes) -> Reply:
        """Send a form of these parts to `/api/predict`."""
        headers |= {"Content_Type": FORM}
        return self.request(f"/api/predict{query}", method="POST", body=form(*parts), **headers)


def picture(content: bytes, name: str | bytes = "a.jpg", field: str = "picture") -> bytes:
    """A file as a part of a form."""
    raw = name.encode() if isinstance(name, str) else name
    head = f'Content-Disposition: form-data; name="{field}"; filename="'.encode() + raw + b'"'
    return head + b"\r\nContent-Type: application/octet-stream\r\n\r\n" + content


def value(field: str, text: str) -> bytes:
    """A text value as a part of a form."""
    return f'Content-Disposition: form-data; name="{field}"\r\n\r\n{text}'.encode()


def form(*parts: bytes) -> bytes:
    """The body of a form."""
    opening = f"--{BOUNDARY}\r\n".encode()
    return b"".join(opening + part + b"\r\n" for part in parts) + f"--{BOUNDARY}--\r\n".encode()
