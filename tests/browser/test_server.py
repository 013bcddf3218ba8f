from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.browser import chromium
from tests.browser.server import ROOT, start

MEMORY = 350 * 1024**2


def test_a_fresh_server_opens_links_stays_small_and_loads_no_tensorflow(
    chrome: Browser, tmp_path: Path
) -> None:
    with (
        start(tmp_path / "home", app=ROOT / "server.py") as server,
        chromium.context(chrome) as visitor,
    ):
        page = visitor.new_page()
        frames: list[bytes] = []
        page.on(
            "websocket",
            lambda socket: socket.on(
                "framereceived",
                lambda frame: frames.append(frame if isinstance(frame, bytes) else frame.encode()),
            ),
        )
        # A link may be the first thing that a server is asked for.
        page.goto(f"{server.url}/reports?run={'0' * 32}")
        expect(page.get_by_text("No run with this id")).to_be_visible()
        assert str(ROOT).encode() not in b"".join(frames), "where the app is"
        assert page.request.get(f"{server.url}/_stcore/metrics").status == 404
        expect(page.get_by_test_id("stTopNavLink")).to_contain_text(["Predict", "Train", "Reports"])
        chromium.follow(page, "Predict")
        page.get_by_role("button", name="Cat", exact=True).click()
        expect(page.get_by_test_id("stProgress").first).to_be_visible()
        for title in ("Train", "Reports", "Predict"):
            chromium.follow(page, title)
        print(f"web process: {server.memory() / 1024**2:.0f} MB")
        assert server.memory() < MEMORY
        loaded = {name for m in server.process.memory_maps() if "/tensorflow/" in (name := m.path)}
        assert not loaded
