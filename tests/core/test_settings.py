from pathlib import Path

import pytest
from pydantic import ValidationError

from core import settings
from core.errors import BadConfig
from core.settings import Settings


def test_without_variables_the_defaults_hold() -> None:
    loaded = settings.load({})
    assert loaded == Settings()
    assert loaded.mode == "public"
    assert loaded.home == Path.home() / ".tusker"


def test_a_variable_sets_the_field_of_its_name() -> None:
    loaded = settings.load({"TUSKER_PICTURES": "123", "TUSKER_UPLOAD_HOURS": "0.5"})
    assert (loaded.pictures, loaded.upload_hours) == (123, 0.5)
    for field in Settings.model_fields:
        assert settings.Settings.variable(field) == f"TUSKER_{field.upper()}"


def test_variables_of_earlier_versions_still_count() -> None:
    loaded = settings.load({"TUSKER_SHOWN_PICTURES": "50", "TUSKER_SHOWN_MEGABYTES": "8"})
    assert (loaded.captured_pictures, loaded.captured_megabytes) == (50, 8)
    with pytest.raises(BadConfig, match="TUSKER_SHOWN_PICTURES is '3'"):
        settings.load({"TUSKER_SHOWN_PICTURES": "3"})


def test_an_empty_variable_counts_as_not_set_and_unknown_variables_are_ignored() -> None:
    assert settings.load({"TUSKER_MODE": "", "PICTURES": "9", "TUSKER_UNHEARD": "1"}) == Settings()


@pytest.mark.parametrize(
    ("variable", "value", "why"),
    [
        ("TUSKER_PICTURES", "many", "integer"),
        ("TUSKER_PICTURES", "3", "greater than or equal to 8"),
        ("TUSKER_MODE", "private", "'public' or 'personal'"),
        ("TUSKER_JOB_MINUTES", "0", "greater than 0"),
        ("TUSKER_UPLOAD_HOURS", "-1", "greater than 0"),
    ],
)
def test_a_value_out_of_range_is_named_with_its_variable(
    variable: str, value: str, why: str
) -> None:
    with pytest.raises(BadConfig) as refusal:
        settings.load({variable: value})
    sentence = str(refusal.value)
    assert sentence.startswith(f"{variable} is {value!r}: ")
    assert why in sentence
    assert sentence.endswith(".") and "\n" not in sentence


def test_a_relative_home_becomes_an_absolute_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    assert settings.load({"TUSKER_HOME": "data"}).home == tmp_path / "data"
    assert settings.load({"TUSKER_HOME": "~/data"}).home == tmp_path / "me" / "data"


def test_settings_are_frozen_and_refuse_unknown_fields() -> None:
    with pytest.raises(ValidationError):
        Settings().pictures = 9  # type: ignore[misc]
    with pytest.raises(ValidationError):
        Settings(picture=9)  # type: ignore[call-arg]


def test_only_a_public_host_limits_the_memory_of_workers() -> None:
    assert Settings(mode="personal").worker_bytes == 0 < Settings(mode="public").worker_bytes
