"""Checks of the Dockerfile and compose.yaml without building them."""

import fnmatch
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import yaml

from core.settings import Settings

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
STEPS = [line.split(maxsplit=1) for line in DOCKERFILE.splitlines() if re.match("[A-Z]+ ", line)]
LAST = STEPS[max(place for place, (verb, _) in enumerate(STEPS) if verb == "FROM") :]


def _of(verb: str) -> list[str]:
    return [arguments for name, arguments in LAST if name == verb]


def _environment() -> dict[str, str]:
    (variables,) = _of("ENV")
    return dict(pair.split("=", 1) for pair in shlex.split(variables))


def _context() -> set[str]:
    """The files that go into the image, by the rules of `.dockerignore`."""
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split("\n")  # fmt: skip
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] != "#"]
    included = set()
    for path in filter(None, tracked):
        parts = path.split("/")
        parents = ["/".join(parts[:length]) for length in range(1, len(parts) + 1)]
        include = True
        for rule in filter(None, rules):
            pattern = rule.removeprefix("!").removeprefix("**/")
            if any(fnmatch.fnmatch(parent, pattern) for parent in parents):
                include = rule.startswith("!")
        if include:
            included.add(path)
    return included


def test_the_app_runs_as_an_unprivileged_user() -> None:
    (user,) = _of("USER")
    created = re.search(rf"useradd --uid (\d+) .*\b{user}\b", DOCKERFILE)
    assert user not in ("root", "0")
    assert created is not None and int(created[1]) > 0
    verbs = [verb for verb, _ in LAST]
    assert verbs.index("USER") < verbs.index("CMD")
    assert not {"RUN", "COPY", "ADD"} & set(verbs[verbs.index("USER") :]), (
        "the code belongs to root"
    )
    for service in COMPOSE["services"].values():
        assert "user" not in service and service["cap_drop"] == ["ALL"]


def test_the_base_image_is_pinned() -> None:
    version = re.search(r"^ARG PYTHON=(\S+)$", DOCKERFILE, re.MULTILINE)
    assert version is not None and re.fullmatch(r"3\.1[123]\.\d+-slim-\w+", version[1])
    assert {rest.split()[0] for verb, rest in STEPS if verb == "FROM"} == {"python:${PYTHON}"}


def test_all_files_of_the_app_are_in_the_image() -> None:
    context = _context()
    (command,) = _of("CMD")
    assert "server.py" in command
    for name in ("server.py", "app.py", "requirements.txt", ".streamlit/config.toml", "LICENSE"):
        assert (ROOT / name).is_file() and name in context
    for folder in ("api", "core", "pages", "ui"):
        assert any(path.startswith(f"{folder}/") for path in context)
    assert "core/backbones/data/efficientnet-lite0.tflite" in context
    assert any(path.startswith("core/data/") for path in context)
    for line in (DOCKERFILE + (ROOT / "compose.yaml").read_text()).splitlines():
        for name in re.findall(r"requirements[\w-]*\.txt", line):
            assert (ROOT / name).is_file()


def test_only_the_app_is_in_the_image() -> None:
    tops = {path.split("/")[0] for path in _context() if not path.startswith("requirements")}
    assert tops == {"api", "app.py", "core", "LICENSE", "pages", "server.py", ".streamlit", "ui"}
    assert not [path for path in _context() if "secrets" in path]


def test_the_health_check_uses_the_port_of_the_app() -> None:
    (check,) = _of("HEALTHCHECK")
    assert "/_stcore/health" in check and "STREAMLIT_SERVER_PORT" in check
    variables = _environment()
    (port,) = _of("EXPOSE")
    assert variables["STREAMLIT_SERVER_PORT"] == port
    assert COMPOSE["services"]["web"]["ports"][0].endswith(f":{port}")
    assert f"app_port: {port}" in (ROOT / "docs" / "hosting.md").read_text()
    program = re.findall(r'"-c", "(.*)"\]', check)[0]
    compile(program, "health check", "exec")
    result = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"STREAMLIT_SERVER_PORT": "9"},
        capture_output=True,
        check=False,
    )
    assert result.returncode != 0, "a port without a server is not healthy"


def test_all_services_share_the_volume_with_the_runs() -> None:
    home = _environment()["TUSKER_HOME"]
    assert _of("VOLUME") == [home]
    for service in COMPOSE["services"].values():
        assert service["volumes"] == [f"home:{home}"]
    assert set(COMPOSE["volumes"]) == {"home"}
    known = {Settings.variable(field) for field in Settings.model_fields}
    given = COMPOSE["services"]["web"]["environment"]
    assert {name for name in given if not name.startswith("RAY_")} <= known


def test_the_cluster_starts_only_with_its_profile() -> None:
    profiles = {name: service.get("profiles", []) for name, service in COMPOSE["services"].items()}
    assert profiles == {"web": [], "ray-head": ["ray"], "ray-worker": ["ray"]}


def test_a_ray_cluster_wants_a_token_and_none_of_its_ports_is_published():
    cluster = [each for each in COMPOSE["services"].values() if "ray" in each.get("profiles", ())]
    assert len(cluster) == 2
    for service in cluster:
        assert service["environment"]["RAY_AUTH_MODE"] == "token"
        assert "ports" not in service
