"""A bug is an apology with a name, and the log knows the rest."""

import re
import shutil

import pytest

from core.settings import Settings
from tests.pages.visitor import Visitor

SECRET = "a path of the host"


def test_a_bug_in_a_page_is_an_apology_with_the_id_in_the_log(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError(SECRET)

    visitor.open("reports")
    monkeypatch.setattr("ui.reports.run_list.show", fail)
    visitor.at.run()
    (apology,) = visitor.apologies()
    assert SECRET not in apology and "Traceback" not in apology
    assert not visitor.at.exception
    (bug_id,) = re.findall(r"the log has it as (\w{8})\.", apology)
    assert f"bug {bug_id}" in caplog.text and SECRET in caplog.text


def test_a_home_that_cannot_be_written_to_is_one_sentence_and_pictures_are_still_answered(
    visitor: Visitor, host: Settings
) -> None:
    host.home.parent.mkdir(parents=True, exist_ok=True)
    if host.home.is_dir():
        host.home.rename(host.home.with_name("moved away"))
    host.home.write_text("a file in its place")
    for page in ("train", "reports"):
        visitor.open(page)
        assert [error.value.partition(":")[0] for error in visitor.at.error] == [
            "Nothing can be stored"
        ]
        assert not visitor.at.title
    visitor.open("predict").press("Cat")
    assert visitor.bars()


def test_a_public_host_does_not_tell_where_its_home_is(
    visitor: Visitor, host: Settings, public: None
) -> None:
    shutil.rmtree(host.home, ignore_errors=True)
    host.home.parent.mkdir(parents=True, exist_ok=True)
    host.home.write_text("a file in its place")
    visitor.open("train")
    (error,) = visitor.at.error
    assert error.value == "Nothing can be stored on this host at the moment."
