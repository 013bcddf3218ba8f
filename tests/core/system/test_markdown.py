"""Text from outside, for Markdown."""

from core.system import markdown


def test_a_name_cannot_turn_the_text_around_it() -> None:
    assert markdown.plain("cat\u202egpj.\u2066exe\u2069") == r"catgpj\.exe"
    assert markdown.line("\u202e") == "(no name)"
    # Letters that are written from right to left, and their marks, are kept.
    assert markdown.line("شیر \u200fتست\u200c") == "شیر \u200fتست\u200c"
