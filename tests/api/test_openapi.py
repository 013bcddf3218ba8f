import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from api import openapi
from api.parsing import MAX_TOP
from core.settings import Settings
from tests.api.client import Client
from tests.api.test_hostile import BODIES
from tests.browser.server import Server

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
)


@pytest.mark.slow
def test_schemathesis_finds_no_response_that_contradicts_the_description(
    client: Client, server: Server, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/api/openapi.json"]
    command += ["--checks", ",".join(CHECKS), "--max-examples", "3", "--seed", "1"]
    result = subprocess.run(
        [*command, "--continue-on-failure", "--phases", "coverage,fuzzing"],
        cwd=tmp_path,
        env=os.environ | {"NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert result.returncode == 0, result.stdout[-4000:]


def test_every_error_status_is_described(client: Client) -> None:
    described = client.request("/api/openapi.json").json["paths"]["/api/predict"]["post"]
    statuses = {str(status) for *_, status in BODIES.values()}
    assert statuses | {"200", "409", "413", "421", "429", "500", "503"} <= set(
        described["responses"]
    )


def test_the_limits_are_those_of_the_host() -> None:
    described = json.loads(openapi.describe(Settings(predict_pictures=7, api_megabytes=9)))
    predict = described["paths"]["/api/predict"]["post"]
    properties = predict["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"]
    assert properties["picture"]["maxItems"] == 7
    assert properties["top"]["maximum"] == MAX_TOP
    assert "7 pictures and 9 MB" in predict["description"]
    assert [parameter["name"] for parameter in predict["parameters"]] == ["model", "top", "heatmap"]


def test_a_token_is_described_but_never_shown() -> None:
    without, described = (openapi.describe(Settings(api_token=token)) for token in ("", "abc"))
    assert "bearer" not in without and '"401"' not in without
    assert "bearer" in described and "abc" not in described + repr(Settings(api_token="abc"))
    paths = json.loads(described)["paths"]
    assert paths["/api/predict"]["post"]["security"] == [{"token": []}]
    assert paths["/api/health"]["get"]["security"] == []
