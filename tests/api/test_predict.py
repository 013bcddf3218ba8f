from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from core import runs
from core.backbones import DEFAULT
from core.intake import samples
from core.model.classifier import Classifier
from core.predict import lookup
from core.runs.run import Run
from core.settings import Settings
from tests import shapes
from tests.api.client import Client, picture, value
from tests.api.conftest import IMPORTED, RUN, fill, serve
from tests.browser.server import Server

CLIENTS = 20
PICTURES = [
    *(sample.content for sample in samples.photographs().values()),
    *(shapes.encoded(shapes.draw(i, i, 200), "PNG") for i in range(8)),
    shapes.encoded(Image.new("RGB", (64, 64)), "PNG"),
]


def assert_result_of(classifier: Classifier, content: bytes, result: dict) -> None:
    """The result for a picture is what `core` predicts, ten classes of it."""
    answer = classifier.classify(content)
    assert result["notes"] == [*answer.notes]
    assert result["verdict"] == classifier.verdict(answer)
    prediction_set = classifier.prediction_set(answer)
    assert result["prediction_set"] == (
        prediction_set and {"level": prediction_set.level, "labels": [*prediction_set.labels]}
    )
    expected = classifier.top(answer.probabilities, 10)
    for returned, prediction in zip(result["predictions"], expected, strict=True):
        assert (returned["label"], returned["index"]) == (prediction.label, prediction.index)
        assert returned["probability"] == pytest.approx(prediction.probability, abs=1e-6)


@pytest.mark.parametrize("model", [DEFAULT, RUN, IMPORTED, runs.SAMPLE.name])
def test_predictions_are_those_of_core(model: str, client: Client, server: Server) -> None:
    classifier = lookup.find(model, Settings(home=server.home))
    parts = [picture(content, str(number)) for number, content in enumerate(PICTURES)]
    reply = client.predict(*parts, value("top", "10"), value("model", model)).json
    assert reply["model"] == model
    assert [result["file"] for result in reply["pictures"]] == [*map(str, range(len(PICTURES)))]
    for content, result in zip(PICTURES, reply["pictures"], strict=True):
        assert_result_of(classifier, content, result)
        assert result["milliseconds"] > 0
        assert result["heatmap"] is None


def test_concurrent_clients_get_the_results_for_their_own_pictures(
    client: Client, server: Server
) -> None:
    def visit(number: int) -> list[tuple[str, bytes, dict]]:
        results = []
        for turn in range(3):
            content = PICTURES[(number + turn) % len(PICTURES)]
            model = (DEFAULT, RUN)[(number + turn // 2) % 2]
            reply = client.predict(picture(content), query=f"?model={model}&top=10")
            results.append((model, content, reply.json["pictures"][0]))
        return results

    with ThreadPoolExecutor(CLIENTS) as threads:
        results = [result for visits in threads.map(visit, range(CLIENTS)) for result in visits]
    classifiers = {m: lookup.find(m, Settings(home=server.home)) for m in (DEFAULT, RUN)}
    for model, content, result in results:
        assert_result_of(classifiers[model], content, result)


def test_a_picture_may_be_the_whole_body(client: Client, flower: bytes) -> None:
    path, content_type = "/api/predict?top=1&heatmap=true", "image/jpeg"
    reply = client.request(path, method="POST", body=flower, Content_Type=content_type)
    (in_form,) = client.predict(picture(flower), query="?top=1").json["pictures"]
    (in_body,) = reply.json["pictures"]
    assert in_body["predictions"] == in_form["predictions"]
    assert len(in_body["predictions"]) == 1


def test_a_heat_map_is_rows_of_numbers_up_to_255(client: Client, flower: bytes) -> None:
    (result,) = client.predict(picture(flower), value("heatmap", "true")).json["pictures"]
    rows = result["heatmap"]["rows"]
    assert result["heatmap"]["index"] == result["predictions"][0]["index"]
    assert result["heatmap"]["crop"] == pytest.approx(0.875)
    assert {len(row) for row in rows} == {len(rows)} == {7}
    assert max(map(max, rows)) == 255 and min(map(min, rows)) >= 0
    assert len(result["predictions"]) == 3


def test_an_unreadable_picture_does_not_affect_the_others(client: Client, flower: bytes) -> None:
    reply = client.predict(picture(b"no picture", "note.txt"), picture(flower, "b.jpg"))
    unreadable, readable = reply.json["pictures"]
    assert unreadable["file"] == "note.txt" and unreadable["error"].startswith("Not a picture")
    assert readable["file"] == "b.jpg" and readable["predictions"]


def test_if_no_picture_can_be_read_the_first_reason_is_given(client: Client) -> None:
    single = client.predict(picture(b"no picture"))
    double = client.predict(picture(b"no picture"), picture(b""))
    assert single.status == double.status == 422
    assert single.error.startswith("Not a picture")
    assert "None of the 2 pictures" in double.error and single.error in double.error


def test_a_parameter_in_the_form_overrides_the_query(client: Client, shape: bytes) -> None:
    reply = client.predict(picture(shape), value("top", "2"), query="?top=5")
    assert len(reply.json["pictures"][0]["predictions"]) == 2


def test_all_models_that_can_predict_are_listed(client: Client) -> None:
    reply = client.request("/api/models").json
    assert reply["default"] == DEFAULT
    models = {model["name"]: (model["kind"], model["classes"]) for model in reply["models"]}
    assert models[DEFAULT] == ("backbone", 1000)
    assert models[RUN] == models[runs.SAMPLE.name] == ("run", 10)
    assert models[IMPORTED] == ("brought", 10)
    assert "resnet50" not in models
    for name in models:
        assert client.predict(picture(b"x"), query=f"?model={name}").status == 422


def test_a_public_host_lists_published_runs_and_serves_any_id(tmp_path: Path, shape: bytes) -> None:
    home = fill(tmp_path / "home")
    with serve(Settings(home=home, mode="public")) as client:
        listed = client.request("/api/models").json["models"]
        assert {model["kind"] for model in listed} == {"backbone"}
        for name in (RUN, IMPORTED):
            assert client.predict(picture(shape), query=f"?model={name}").status == 200
        Run(home / "runs" / RUN).publish(shown=True)
        listed = client.request("/api/models").json["models"]
        assert [model["name"] for model in listed if model["kind"] == "run"] == [RUN]


@pytest.mark.parametrize("path", ["/", "/train", "/reports"])
def test_the_pages_are_served_beside_the_api(path: str, client: Client) -> None:
    reply = client.request(path)
    assert reply.status == 200
    assert reply.headers["content-type"].startswith("text/html")
    assert b"streamlit" in reply.content.lower()


def test_the_process_does_not_load_tensorflow(client: Client, server: Server, shape: bytes) -> None:
    assert client.predict(picture(shape), value("heatmap", "true")).status == 200
    assert not [m.path for m in server.process.memory_maps() if "/tensorflow/" in m.path]
