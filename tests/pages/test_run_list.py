"""The list of runs: what it says, how one is found, opened and chosen to compare."""

from collections.abc import Callable

import pytest

from core.evaluation import describe
from core.intake import samples
from core.jobs import State
from core.runs.run import Run
from tests.pages.visitor import Visitor, plain_text
from ui.reports import run_list

EARLY = (State.QUEUED, State.FAILED, State.CANCELLED, State.INTERRUPTED)


def named(run: Run, name: str, *tags: str) -> Run:
    """The run with what its owner calls it."""
    run.annotate(lambda annotations: annotations.named(name).tagged(tags))
    return run


def listed(visitor: Visitor) -> list[str]:
    """Names of the runs on the page, from the top."""
    openers = (b for b in visitor.at.button if (b.key or "").startswith("open "))
    return [plain_text(button.label) for button in openers]


def tick(visitor: Visitor, *chosen: Run) -> None:
    for run in chosen:
        visitor.at.checkbox(key=run_list.CHOSEN.format(run.id)).check()
    visitor.rerun()


@pytest.fixture
def three_runs(run_in: Callable[..., Run]) -> dict[str, Run]:
    """Two finished runs and a failed one, the last of them queued last."""
    created = {
        "Flowers": named(run_in(), "Flowers", "garden", "keep"),
        "Birds": named(run_in(), "Birds", "garden"),
        "Cars": named(run_in(State.FAILED, "Memory ran out."), "Cars"),
    }
    for age, run in enumerate(reversed(created.values())):
        status = run.job.recorded()
        run.job.write(status.model_copy(update={"queued_at": status.queued_at - age * 60}))
    return created


def test_a_first_visitor_finds_the_sample_and_the_train_page(visitor: Visitor) -> None:
    visitor.open("reports")
    assert "You have not trained a model yet." in visitor.text()
    assert listed(visitor) == [samples.DIGITS]
    assert "Sample" in visitor.text()
    assert not visitor.at.checkbox
    visitor.press("Train your own classes")
    assert [title.value for title in visitor.at.title] == ["Train your own classes"]


def test_each_run_shows_status_accuracy_and_pictures(
    visitor: Visitor, three_runs: dict[str, Run]
) -> None:
    run = three_runs["Flowers"]
    dataset = run.dataset()
    visitor.open("reports")
    text = visitor.text()
    assert text.count("Failed") == 1
    assert text.count(f"Accuracy {describe(run.report().accuracy)}") == 2
    assert text.count(f"{len(dataset.examples)} pictures") == 3
    for part in (dataset.name, "4 classes", "EfficientNet-Lite0", "garden", "keep"):
        assert part in text


def test_the_newest_comes_first_and_the_sample_last(
    visitor: Visitor, three_runs: dict[str, Run]
) -> None:
    visitor.open("reports")
    assert listed(visitor) == ["Cars", "Birds", "Flowers", samples.DIGITS]


@pytest.mark.parametrize(
    ("order", "names"),
    [
        ("Oldest first", ["Flowers", "Birds", "Cars"]),
        ("By name", ["Birds", "Cars", "Flowers"]),
        ("Most accurate first", ["Flowers", "Birds", "Cars"]),
    ],
)
def test_the_address_says_in_which_order(
    visitor: Visitor, three_runs: dict[str, Run], order: str, names: list[str]
) -> None:
    visitor.open("reports", sort=order)
    names_shown = listed(visitor)
    assert names_shown[-1] == samples.DIGITS
    if order == "Most accurate first":  # two are equally good
        assert names_shown[2] == "Cars"
    else:
        assert names_shown[:-1] == names


@pytest.mark.parametrize(
    ("parameters", "names"),
    [
        ({"find": "flow"}, ["Flowers"]),
        ({"find": "GARDEN keep"}, ["Flowers"]),
        ({"find": "alert(1)"}, ["Cars", "Birds", "Flowers"]),  # of a class
        ({"find": "odd_names"}, ["Cars", "Birds", "Flowers"]),  # of the data
        ({"find": "digits"}, [samples.DIGITS]),
        ({"state": "failed"}, ["Cars"]),
        ({"tag": "garden"}, ["Birds", "Flowers"]),
        ({"tag": "garden", "find": "bird"}, ["Birds"]),
        ({"state": "no such state"}, ["Cars", "Birds", "Flowers", samples.DIGITS]),
    ],
    ids=str,
)
def test_runs_are_found_by_the_address(
    visitor: Visitor, three_runs: dict[str, Run], parameters: dict[str, str], names: list[str]
) -> None:
    visitor.open("reports", **parameters)
    assert listed(visitor) == names


def test_without_matches_all_runs_are_one_press_away(
    visitor: Visitor, three_runs: dict[str, Run]
) -> None:
    visitor.open("reports", find="nothing of the kind", state="failed")
    assert "No run matches." in visitor.text()
    visitor.press("Show all runs")
    assert len(listed(visitor)) == 4


def test_a_run_is_opened_by_its_name_and_the_list_comes_back_as_it_was(
    visitor: Visitor, three_runs: dict[str, Run]
) -> None:
    run = three_runs["Birds"]
    visitor.open("reports", find="bird")
    visitor.press_key(f"open {run.id}")
    assert visitor.at.query_params["run"] == run.id
    assert [title.value for title in visitor.at.title] == ["Birds"]
    assert run.report().headline in visitor.text()
    visitor.press("All runs")
    assert listed(visitor) == ["Birds"]


def test_ticked_runs_are_compared(visitor: Visitor, three_runs: dict[str, Run]) -> None:
    visitor.open("reports")
    assert f"choose {three_runs['Cars'].id}" not in {box.key for box in visitor.at.checkbox}
    assert "Compare" not in visitor.buttons()
    tick(visitor, three_runs["Birds"])
    assert visitor.button("Compare").disabled
    tick(visitor, three_runs["Flowers"])
    visitor.press("Compare 2 runs")
    compared_ids = visitor.at.query_params["compare"]
    assert set(compared_ids.split(",")) == {three_runs["Birds"].id, three_runs["Flowers"].id}


def test_ticks_stay_when_the_list_is_searched_and_can_be_cleared(
    visitor: Visitor, three_runs: dict[str, Run]
) -> None:
    visitor.open("reports")
    tick(visitor, three_runs["Birds"], three_runs["Flowers"])
    visitor.fill("Find", "flowers")
    assert listed(visitor) == ["Flowers"]
    assert "Compare 2 runs" in visitor.buttons()
    visitor.press("Clear")
    assert "Compare 2 runs" not in visitor.buttons()


def test_a_long_list_has_pages_with_addresses(visitor: Visitor, run_in: Callable[..., Run]) -> None:
    created = {
        named(run_in(State.CANCELLED, "Cancelled."), f"Run {number:02}").title
        for number in range(run_list.SHOWN + 3)
    }
    first = listed(visitor.open("reports"))
    second = listed(Visitor().open("reports", list="2"))
    assert len(first) == run_list.SHOWN
    assert {*first, *second} == created | {samples.DIGITS}
    assert second[-1] == samples.DIGITS
