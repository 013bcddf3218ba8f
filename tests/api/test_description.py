"""The OpenAPI description says what the endpoint does."""

import json
import os
import subprocess
import sys
from pathlib import Path

from api import description
from api.question import MOST, READ
from core.settings import Settings
from tests.api.client import Client
from tests.api.test_hostile import BODIES
from tests.browser.server import Server

EXAMPLES = "10"
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
)


def test_no_request_that_it_allows_or_forbids_finds_a_bug(
    client: Client, server: Server, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/api/openapi.json"]
    command += ["--checks", ",".join(CHECKS), "--max-examples", EXAMPLES, "--seed", "1"]
    asked = subprocess.run(
        [*command, "--continue-on-failure", "--phases", "coverage,fuzzing"],
        cwd=tmp_path,
        env=os.environ | {"NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert asked.returncode == 0, asked.stdout[-4000:]


def test_every_status_of_a_refusal_is_in_it(client: Client) -> None:
    described = client.ask("/api/openapi.json").json["paths"]["/api/predict"]["post"]
    assert {str(status) for *_, status in BODIES.values()} < set(described["responses"])
    assert {"200", "409", "413", "429"} < set(described["responses"])


def test_its_limits_are_those_of_the_host() -> None:
    said = json.loads(description.describe(Settings(predict_pictures=7, api_megabytes=9)))
    asking = said["paths"]["/api/predict"]["post"]
    form = asking["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert form["properties"]["picture"]["maxItems"] == 7
    assert form["properties"]["top"]["maximum"] == MOST
    assert "7 pictures and 9 MB" in asking["description"]
    assert [one["name"] for one in asking["parameters"]] == [*READ]


def test_it_tells_of_a_token_where_there_is_one_and_never_which() -> None:
    without, with_one = (description.describe(Settings(api_token=token)) for token in ("", "abc"))
    assert "bearer" not in without and '"401"' not in without
    assert "bearer" in with_one and "abc" not in with_one
    paths = json.loads(with_one)["paths"]
    assert paths["/api/predict"]["post"]["security"] == [{"token": []}]
    assert paths["/api/health"]["get"]["security"] == []


def test_the_token_is_not_among_what_is_printed_of_the_settings() -> None:
    assert "abc" not in repr(Settings(api_token="abc"))
