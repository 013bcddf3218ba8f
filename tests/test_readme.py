"""What the README says of settings is what the code has."""

import re
from pathlib import Path

from core.settings import Settings

README = (Path(__file__).parents[1] / "README.md").read_text()
ROWS = re.findall(r"^\| (`TUSKER_[^|]+) \| ([^|]+) \| ([^|]+) \|$", README, re.MULTILINE)
NOT_TOLD = {"none": "", "`public`": "public", "`~/.tusker`": str(Path.home() / ".tusker")}


def test_every_variable_of_the_readme_exists_with_that_default() -> None:
    known = {Settings.variable(field): field for field in Settings.model_fields}
    assert ROWS
    for names, defaults, _ in ROWS:
        variables = re.findall(r"`(\w+)`", names)
        said = [NOT_TOLD.get(one, one.strip("`")) for one in defaults.strip().split(", ")]
        assert len(said) == len(variables), names
        for variable, default in zip(variables, said, strict=True):
            assert variable in known, f"{variable} is no setting"
            value = getattr(Settings(), known[variable])
            shown = f"{value:g}" if isinstance(value, float) else str(value)
            assert shown == default, f"{variable} is {shown}, not {default}"


def test_every_limit_of_a_public_host_is_in_its_table() -> None:
    table = _section("A public host")
    for field, described in Settings.model_fields.items():
        if field == "worker_megabytes" or (described.description or "").startswith("On a public"):
            assert f"`{Settings.variable(field)}`" in table, field


def test_what_bounds_jobs_of_every_host_is_told_of_all() -> None:
    for field in ("queue_length", "jobs_at_once", "job_minutes"):
        assert f"`{Settings.variable(field)}`" in _section("Settings"), field


def _section(title: str) -> str:
    return README.partition(f"## {title}")[2].partition("\n## ")[0]
