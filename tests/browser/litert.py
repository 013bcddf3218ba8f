"""The runtime of the live view as npm has it, served on this machine in place of the CDN."""

import functools
import shutil
import subprocess
import tarfile
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from core.live.runtime import PATHS, VERSION

FOLDER = Path(tempfile.gettempdir()) / f"tusker-litert-{VERSION}"
"""Kept from one run of the tests to the next; the live view itself checks every file."""
PACKAGES = ("core", "wasm-utils")
PATIENCE = 120
"""Seconds that npm may take."""


def install(folder: Path) -> str:
    """Put the runtime's files below a folder, at the paths that the CDN has them at.

    Returns:
        Why that could not be done; empty if it was.
    """
    if all((folder / path).is_file() for path in PATHS.values()):
        return ""
    if not shutil.which("npm"):
        return "no npm on this machine to fetch LiteRT.js with; on Debian: apt-get install npm"
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"@litertjs/{name}@{VERSION}" for name in PACKAGES]
    try:
        command = ["npm", "pack", *names]
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=PATIENCE)
    except (subprocess.SubprocessError, OSError) as error:
        return f"npm could not fetch LiteRT.js: {error}"
    for name, folder_name in zip(PACKAGES, names, strict=True):
        unpacked = folder / f"unpacked-{name}"
        with tarfile.open(folder / f"litertjs-{name}-{VERSION}.tgz") as archive:
            archive.extractall(unpacked, filter="data")
        (folder / folder_name).parent.mkdir(exist_ok=True)
        shutil.move(unpacked / "package", folder / folder_name)
    return ""


class _Handler(SimpleHTTPRequestHandler):
    def end_headers(self) -> None:
        self.send_header("Access-Control-Allow-Origin", "*")
        super().end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve a folder, which need not be there yet, to any page; gives its address."""
    handler = functools.partial(_Handler, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
