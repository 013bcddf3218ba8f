"""Formats are found by their names on the command line."""

import pytest

from core.errors import BadInput
from core.export.formats import FORMATS, ONNX, SAVED_MODEL, named


def test_formats_are_named_in_any_case_and_come_in_the_order_of_the_table():
    assert [form.file for form in named(["Saved-Model", "ONNX"])] == [ONNX, SAVED_MODEL]
    assert named([]) == FORMATS


def test_a_name_of_no_format_is_refused_with_the_names_of_all():
    with pytest.raises(BadInput) as refused:
        named(["coreml"])
    assert "coreml" in str(refused.value)
    assert all(form.name in str(refused.value) for form in FORMATS)
