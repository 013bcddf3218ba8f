"""What the endpoint answers: what the command line says, and where each thing is found."""

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core import runs
from core.backbones import DEFAULT
from core.intake import samples
from core.runs.run import Run
from tests import shapes
from tests.api.client import Client, picture, value
from tests.api.conftest import BROUGHT, LAUNCHER, RUN, UNHURRIED, furnished
from tests.browser.server import ROOT, Server, start

CLIENTS = 20


def command_line(files: list[Path], model: str, home: Path) -> list[dict]:
    """What `python -m core predict` says of pictures, ten answers each."""
    command = [sys.executable, "-m", "core", "predict", *map(str, files)]
    said = subprocess.run(
        [*command, "--model", model, "--top", "10", "--json"],
        cwd=ROOT,
        env=os.environ | {"TUSKER_HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    ).stdout
    found, place, decoder = [], 0, json.JSONDecoder()
    while place < len(said.rstrip()):
        one, place = decoder.raw_decode(said, place)
        found.append(one)
        place += len(said[place:]) - len(said[place:].lstrip())
    return found


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Photographs and drawings."""
    folder = tmp_path_factory.mktemp("pictures")
    contents = [*samples.photographs().values()]
    contents += [shapes.encoded(shapes.draw(i % 8, i, 200), "PNG") for i in range(8)]
    for number, content in enumerate(contents):
        (folder / f"{number}.bin").write_bytes(content)
    return sorted(folder.iterdir())


def same(found: dict, said: dict) -> None:
    """An answer is the command line's."""
    assert found["verdict"] == said["verdict"]
    for one, other in zip(found["predictions"], said["predictions"], strict=True):
        assert (one["label"], one["index"]) == (other["label"], other["index"])
        assert one["probability"] == pytest.approx(other["probability"], abs=1e-6)


@pytest.mark.parametrize("model", [DEFAULT, RUN, runs.SAMPLE.name])
def test_answers_are_those_of_the_command_line(
    model: str, client: Client, server: Server, files: list[Path]
) -> None:
    said = command_line(files, model, server.home)
    parts = [picture(file.read_bytes(), file.name) for file in files]
    answer = client.predict(*parts, value("top", "10"), value("model", model)).json
    assert answer["model"] == model
    assert [one["file"] for one in answer["pictures"]] == [file.name for file in files]
    for found, expected in zip(answer["pictures"], said, strict=True):
        same(found, expected)
        assert found["milliseconds"] > 0
        assert found["heatmap"] is None


def test_twenty_clients_at_once_each_get_the_answer_to_their_picture(
    client: Client, server: Server, files: list[Path]
) -> None:
    expected = {model: command_line(files, model, server.home) for model in (DEFAULT, RUN)}

    def visit(number: int) -> list[tuple[int, str, dict, float]]:
        answers = []
        for turn in range(5):
            which, model = (number + turn) % len(files), (DEFAULT, RUN)[(number + turn // 2) % 2]
            begun = time.monotonic()
            reply = client.predict(
                picture(files[which].read_bytes()), query=f"?model={model}&top=10"
            )
            assert reply.status == 200, reply
            answers.append((which, model, reply.json, time.monotonic() - begun))
        return answers

    begun = time.monotonic()
    with ThreadPoolExecutor(CLIENTS) as clients:
        visits = [one for visit in clients.map(visit, range(CLIENTS)) for one in visit]
    taken = time.monotonic() - begun
    waits = sorted(wait for *_, wait in visits)
    print(
        f"{CLIENTS} clients, {len(visits)} requests in {taken:.1f} s, "
        f"median {waits[len(waits) // 2] * 1000:.0f} ms, longest {waits[-1] * 1000:.0f} ms"
    )
    for which, model, answer, _ in visits:
        (found,) = answer["pictures"]
        same(found, expected[model][which])


def test_one_picture_may_be_the_whole_body(client: Client, flower: bytes) -> None:
    kind = {"Content-Type": "image/jpeg"}
    path = "/api/predict?top=1&heatmap=true"
    (found,) = client.ask(path, method="POST", body=flower, headers=kind).json["pictures"]
    (in_a_form,) = client.predict(picture(flower), query="?top=1").json["pictures"]
    assert found["predictions"] == in_a_form["predictions"]
    assert len(found["predictions"]) == 1


def test_a_heat_map_is_rows_of_numbers_with_the_strongest_at_255(
    client: Client, flower: bytes
) -> None:
    answer = client.predict(picture(flower), value("heatmap", "true")).json
    (found,) = answer["pictures"]
    rows = found["heatmap"]["rows"]
    assert found["heatmap"]["index"] == found["predictions"][0]["index"]
    assert found["heatmap"]["crop"] == pytest.approx(0.875)
    assert {len(row) for row in rows} == {len(rows)} == {7}
    assert max(map(max, rows)) == 255 and min(map(min, rows)) >= 0
    assert len(found["predictions"]) == 3


def test_a_picture_that_cannot_be_read_does_not_spoil_the_others(
    client: Client, flower: bytes
) -> None:
    answer = client.predict(picture(b"no picture", "note.txt"), picture(flower, "b.jpg")).json
    bad, good = answer["pictures"]
    assert bad["file"] == "note.txt" and bad["error"].startswith("Not a picture")
    assert good["file"] == "b.jpg" and good["predictions"]


def test_where_none_can_be_read_the_first_reason_is_given(client: Client) -> None:
    one = client.predict(picture(b"no picture"))
    two = client.predict(picture(b"no picture"), picture(b""))
    assert one.status == two.status == 422
    assert one.refusal.startswith("Not a picture: expected JPEG")
    assert two.refusal.startswith("None of the 2 pictures could be read. The first: Not a picture")


def test_a_form_has_the_last_word_over_the_address(client: Client, shape: bytes) -> None:
    answer = client.predict(picture(shape), value("top", "2"), query="?top=5").json
    assert len(answer["pictures"][0]["predictions"]) == 2


def test_models_that_are_ready_are_listed(client: Client) -> None:
    answer = client.ask("/api/models").json
    assert answer["default"] == DEFAULT
    kinds = {one["name"]: (one["kind"], one["classes"]) for one in answer["models"]}
    assert kinds[DEFAULT] == ("backbone", 1000)
    assert kinds[RUN] == kinds[runs.SAMPLE.name] and kinds[RUN][0] == "run"
    assert kinds[BROUGHT] == ("brought", 10)
    assert "resnet50" not in kinds
    for name in kinds:
        assert client.predict(picture(b"x"), query=f"?model={name}").status == 422


def test_a_public_host_lists_what_was_published_and_answers_who_knows_an_id(
    tmp_path: Path, shape: bytes
) -> None:
    home = furnished(tmp_path / "home")
    with start(home, app=LAUNCHER, TUSKER_MODE="public", **UNHURRIED) as running:
        client = Client(running.url)
        listed = client.ask("/api/models").json["models"]
        assert {one["kind"] for one in listed} == {"backbone"}
        for name in (RUN, BROUGHT):
            assert client.predict(picture(shape), query=f"?model={name}").status == 200
        Run(home / "runs" / RUN).publish(shown=True)
        listed = client.ask("/api/models").json["models"]
        assert {one["name"] for one in listed if one["kind"] == "run"} == {RUN}


def test_the_pages_are_still_there(client: Client) -> None:
    for path in ("/", "/train", "/reports"):
        reply = client.ask(path)
        assert reply.status == 200
        assert reply.headers["content-type"].startswith("text/html")
        assert b"streamlit" in reply.content.lower()


def test_no_tensorflow_is_in_the_process(client: Client, server: Server, shape: bytes) -> None:
    assert client.predict(picture(shape), value("heatmap", "true")).status == 200
    assert not [m.path for m in server.process.memory_maps() if "/tensorflow/" in m.path]


def test_the_app_runs_without_the_endpoint(tmp_path: Path) -> None:
    with start(tmp_path / "home") as running:
        client = Client(running.url)
        assert client.ask("/").status == 200
        # Streamlit's index page, which it gives for whatever is not there.
        assert client.ask("/api/health").headers["content-type"].startswith("text/html")
