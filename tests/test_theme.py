"""The theme is legible in both modes, and every option of the configuration exists."""

import tomllib
from pathlib import Path

import pytest
from streamlit import config
from streamlit.elements.lib import streamlit_plotly_theme

from core.settings import Settings
from ui.charts import palette

FILE = Path(__file__).parents[1] / ".streamlit" / "config.toml"
OPTIONS = tomllib.loads(FILE.read_text())
MODES = ("light", "dark")
WHITE = "#FFFFFF"


def _luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _names(section: dict, prefix: str = "") -> list[str]:
    names = []
    for key, value in section.items():
        names += _names(value, f"{prefix}{key}.") if isinstance(value, dict) else [prefix + key]
    return names


def test_every_option_is_one_that_streamlit_knows() -> None:
    assert set(_names(OPTIONS)) <= set(config.get_config_options())


def test_an_upload_may_be_as_large_as_an_archive() -> None:
    allowed = Settings.model_fields["archive_megabytes"].default
    assert OPTIONS["server"]["maxUploadSize"] == allowed


@pytest.mark.parametrize("mode", MODES)
def test_text_reads_on_both_surfaces_and_on_buttons(mode: str) -> None:
    theme = OPTIONS["theme"][mode]
    for surface in (theme["backgroundColor"], theme["secondaryBackgroundColor"]):
        for text in ("textColor", "grayTextColor", "linkColor", "codeTextColor"):
            assert _contrast(theme[text], surface) >= 4.5, text
    assert _contrast(theme["primaryColor"], WHITE) >= 4.5
    assert _contrast(theme["primaryColor"], theme["backgroundColor"]) >= 4.5


@pytest.mark.parametrize("mode", MODES)
def test_chart_colours_stand_out_from_the_page(mode: str) -> None:
    theme = OPTIONS["theme"][mode]
    for colour in (
        *theme["chartCategoricalColors"],
        *(palette.ACCENT, palette.WRONG, palette.NEUTRAL),
    ):
        assert _contrast(colour, theme["backgroundColor"]) >= 3, colour


def test_text_of_charts_takes_the_colour_that_streamlit_replaces_by_that_of_the_page() -> None:
    assert palette.TEXT == streamlit_plotly_theme.GRAY_90
