"""The list of runs: what it says, how one is found, opened and chosen to compare."""

from collections.abc import Callable

import pytest

from core.evaluation import describe
from core.intake import samples
from core.jobs import State
from core.runs.run import Run
from tests.pages.visitor import Visitor, reading
from ui.reports import run_list

EARLY = (State.QUEUED, State.FAILED, State.CANCELLED, State.INTERRUPTED)


def named(run: Run, name: str, *tags: str) -> Run:
    """The run with what its owner calls it."""
    run.annotate(lambda said: said.named(name).tagged(tags))
    return run


def listed(visitor: Visitor) -> list[str]:
    """Names of the runs on the page, from the top."""
    openers = (b for b in visitor.at.button if (b.key or "").startswith("open "))
    return [reading(button.label) for button in openers]


def tick(visitor: Visitor, *chosen: Run) -> None:
    for run in chosen:
        visitor.at.checkbox(key=run_list.CHOSEN.format(run.id)).check()
    visitor.see()


@pytest.fixture
def several(run_in: Callable[..., Run]) -> dict[str, Run]:
    """Two finished runs and a failed one, the last of them ordered last."""
    made = {
        "Flowers": named(run_in(), "Flowers", "garden", "keep"),
        "Birds": named(run_in(), "Birds", "garden"),
        "Cars": named(run_in(State.FAILED, "Memory ran out."), "Cars"),
    }
    for age, run in enumerate(reversed(made.values())):
        status = run.job.recorded()
        run.job.write(status.model_copy(update={"queued_at": status.queued_at - age * 60}))
    return made


def test_a_first_visitor_finds_the_sample_and_the_train_page(visitor: Visitor) -> None:
    visitor.open("reports")
    assert "You have not trained a model yet." in visitor.reads()
    assert listed(visitor) == [samples.DIGITS]
    assert "Sample" in visitor.reads()
    assert not visitor.at.checkbox
    visitor.press("Train your own classes")
    assert [title.value for title in visitor.at.title] == ["Train your own classes"]


def test_each_run_shows_status_accuracy_and_pictures(
    visitor: Visitor, several: dict[str, Run]
) -> None:
    run = several["Flowers"]
    dataset = run.dataset()
    visitor.open("reports")
    said = visitor.reads()
    assert said.count("Failed") == 1
    assert said.count(f"Accuracy {describe(run.report().accuracy)}") == 2
    assert said.count(f"{len(dataset.examples)} pictures") == 3
    for part in (dataset.name, "4 classes", "EfficientNet-Lite0", "garden", "keep"):
        assert part in said


def test_the_newest_comes_first_and_the_sample_last(
    visitor: Visitor, several: dict[str, Run]
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
    visitor: Visitor, several: dict[str, Run], order: str, names: list[str]
) -> None:
    visitor.open("reports", sort=order)
    found = listed(visitor)
    assert found[-1] == samples.DIGITS
    if order == "Most accurate first":  # two are equally good
        assert found[2] == "Cars"
    else:
        assert found[:-1] == names


@pytest.mark.parametrize(
    ("asked", "names"),
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
    visitor: Visitor, several: dict[str, Run], asked: dict[str, str], names: list[str]
) -> None:
    visitor.open("reports", **asked)
    assert listed(visitor) == names


def test_without_matches_all_runs_are_one_press_away(
    visitor: Visitor, several: dict[str, Run]
) -> None:
    visitor.open("reports", find="nothing of the kind", state="failed")
    assert "No run matches." in visitor.reads()
    visitor.press("Show all runs")
    assert len(listed(visitor)) == 4


def test_a_run_is_opened_by_its_name_and_the_list_comes_back_as_it_was(
    visitor: Visitor, several: dict[str, Run]
) -> None:
    run = several["Birds"]
    visitor.open("reports", find="bird")
    visitor.at.button(key=f"open {run.id}").click()
    visitor.see()
    assert visitor.at.query_params["run"] == run.id
    assert [title.value for title in visitor.at.title] == ["Birds"]
    assert run.report().headline in visitor.reads()
    visitor.press("All runs")
    assert listed(visitor) == ["Birds"]


def test_ticked_runs_are_compared(visitor: Visitor, several: dict[str, Run]) -> None:
    visitor.open("reports")
    assert f"choose {several['Cars'].id}" not in {box.key for box in visitor.at.checkbox}
    assert "Compare" not in visitor.buttons()
    tick(visitor, several["Birds"])
    assert visitor.button("Compare").disabled
    tick(visitor, several["Flowers"])
    visitor.press("Compare 2 runs")
    asked = visitor.at.query_params["compare"]
    assert set(asked.split(",")) == {several["Birds"].id, several["Flowers"].id}


def test_ticks_stay_when_the_list_is_searched_and_can_be_cleared(
    visitor: Visitor, several: dict[str, Run]
) -> None:
    visitor.open("reports")
    tick(visitor, several["Birds"], several["Flowers"])
    visitor.fill("Find", "flowers")
    assert listed(visitor) == ["Flowers"]
    assert "Compare 2 runs" in visitor.buttons()
    visitor.press("Clear")
    assert "Compare 2 runs" not in visitor.buttons()


def test_a_long_list_has_pages_with_addresses(visitor: Visitor, run_in: Callable[..., Run]) -> None:
    made = {
        named(run_in(State.CANCELLED, "Cancelled."), f"Run {number:02}").title
        for number in range(run_list.SHOWN + 3)
    }
    first = listed(visitor.open("reports"))
    second = listed(Visitor().open("reports", list="2"))
    assert len(first) == run_list.SHOWN
    assert {*first, *second} == made | {samples.DIGITS}
    assert second[-1] == samples.DIGITS
