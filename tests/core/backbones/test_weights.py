import dataclasses
import hashlib
import http.server
import socket
import threading

import pytest

from core.backbones import get, weights
from core.errors import Cancelled, WeightsUnavailable

CONTENT = bytes(range(256)) * 10_000


@pytest.fixture
def host():
    """A server on this machine; `host.lies` makes it promise more bytes than it sends."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if "missing" in self.path:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT) + 5 * server.lies))
            self.end_headers()
            self.wfile.write(CONTENT)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.lies = False
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.url = f"http://127.0.0.1:{server.server_port}"
    yield server
    server.shutdown()
    server.server_close()


def row(url, md5=None):
    source = weights.Weights("weights.h5", url=url, md5=md5)
    return dataclasses.replace(get("resnet50"), weights=source)


def left_behind(settings):
    folder = weights.folder(settings)
    return list(folder.iterdir()) if folder.exists() else []


def test_a_package_s_weights_are_found_where_they_are_installed(settings):
    path = weights.fetch(get("efficientnet-lite0"), settings)
    assert path.name == "efficientnet-lite0-57934424.pth"
    assert path.is_file()
    assert not settings.home.exists()


def test_a_package_with_another_file_of_that_name_is_refused(settings, tmp_path, monkeypatch):
    models = tmp_path / "some_weights" / "models"
    models.mkdir(parents=True)
    (models.parent / "__init__.py").touch()
    (models / "a.pth").write_bytes(CONTENT)
    monkeypatch.syspath_prepend(tmp_path)
    source = weights.Weights("a.pth", "some_weights", sha256=hashlib.sha256(CONTENT).hexdigest())
    backbone = dataclasses.replace(get("efficientnet-lite0"), weights=source)
    assert weights.fetch(backbone, settings) == models / "a.pth"
    (models / "a.pth").write_bytes(CONTENT[:-1])
    with pytest.raises(WeightsUnavailable, match=r"a\.pth is not the published file"):
        weights.fetch(backbone, settings)


def test_a_missing_package_is_named(settings):
    source = weights.Weights("a.pth", package="no_such_package_of_weights")
    backbone = dataclasses.replace(get("efficientnet-lite0"), weights=source)
    with pytest.raises(WeightsUnavailable, match="no_such_package_of_weights"):
        weights.fetch(backbone, settings)


def test_a_download_is_kept_and_reported_as_it_comes(settings, host):
    progress_calls = []
    backbone = row(f"{host.url}/w.h5", hashlib.md5(CONTENT).hexdigest())
    path = weights.fetch(backbone, settings, lambda *step: progress_calls.append(step))
    assert path == settings.home / "weights" / "weights.h5"
    assert path.read_bytes() == CONTENT
    assert progress_calls[-1] == ("Downloading weights", len(CONTENT), len(CONTENT))
    assert left_behind(settings) == [path]


def test_a_file_put_by_hand_is_used(settings):
    path = weights.folder(settings) / get("resnet50").weights.file
    path.parent.mkdir(parents=True)
    path.write_bytes(b"by hand")
    assert weights.present(get("resnet50"), settings) == path
    assert weights.fetch(get("resnet50"), settings) == path


@pytest.mark.parametrize(
    ("path", "md5", "lies", "reason"),
    [
        ("missing", None, False, "Not Found"),
        ("w.h5", "0" * 32, False, "not the published file"),
        ("w.h5", None, True, "the download ended after"),
    ],
)
def test_a_refused_download_leaves_no_file(settings, host, path, md5, lies, reason):
    host.lies = lies
    with pytest.raises(WeightsUnavailable, match=reason):
        weights.fetch(row(f"{host.url}/{path}", md5), settings)
    assert left_behind(settings) == []


def test_a_cancelled_download_leaves_no_file(settings, host):
    def stop(*_):
        raise Cancelled("Stopped.")

    with pytest.raises(Cancelled):
        weights.fetch(row(f"{host.url}/w.h5"), settings, stop)
    assert left_behind(settings) == []


def test_the_error_without_a_network_says_what_to_do(settings):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/w.h5"
    with pytest.raises(WeightsUnavailable) as caught:
        weights.fetch(row(url), settings)
    sentence = str(caught.value)
    assert sentence.startswith("weights.h5, the weights of ResNet50, could not be downloaded")
    assert f"Put it in {settings.home / 'weights'} by hand (it is {url})" in sentence
    assert "efficientnet-lite0, efficientnet-lite2" in sentence
    assert "\n" not in sentence
    assert left_behind(settings) == []
