import itertools
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from benchmarks.reports import make
from core import runs
from core.intake import samples
from core.runs.run import Run
from core.settings import Settings
from tests.browser import chromium
from tests.browser.server import Server
from ui.reports.views import VIEWS

FAST = ("many", chromium.NARROW, "light")
"""Of all classes, widths and colour schemes, the layout with the least room."""
TALL = 5_000
"""Pixels of a window in which every view is drawn whole."""
MANY = 24
"""Classes of a report; from 21 on, the confusion matrix is drawn in another way."""
FAULTS = """() => {
    const box = element => element.getBoundingClientRect();
    const shown = element => box(element).width > 1 && box(element).height > 1;
    const over = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2
        && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 2;
    const told = element => element.dataset.testid + ' "' + element.innerText.slice(0, 30) + '"';
    const faults = [];
    const blocks = document.querySelectorAll(
        '[data-testid="stVerticalBlock"], [data-testid="stHorizontalBlock"]');
    for (const block of blocks) {
        const children = [...block.children].filter(shown);
        for (const [i, one] of children.entries())
            for (const other of children.slice(i + 1))
                if (over(box(one), box(other)))
                    faults.push(`${told(one)} lies over ${told(other)}`);
    }
    for (const chart of document.querySelectorAll('[data-testid="stPlotlyChart"]')) {
        const frame = box(chart);
        for (const text of chart.querySelectorAll(
                '.xtick text, .ytick text, .legendtext, .xtitle, .ytitle')) {
            const { left, right, top, bottom } = box(text);
            if (left < frame.left - 1 || right > frame.right + 1
                || top < frame.top - 1 || bottom > frame.bottom + 1)
                faults.push(`"${text.textContent}" is cut off at the edge of its chart`);
        }
        for (const axis of ['.xaxislayer-above', '.yaxislayer-above']) {
            const ticks = [...chart.querySelectorAll(`${axis} text`)].filter(shown).map(box);
            for (const [i, tick] of ticks.entries())
                if (ticks[i + 1] && over(tick, ticks[i + 1]))
                    faults.push(`labels of ${axis} lie over each other`);
        }
    }
    for (const button of document.querySelectorAll('[data-testid="stMain"] button'))
        for (const part of [button, ...button.querySelectorAll('*')])
            if (part.scrollWidth > part.clientWidth + 1
                && getComputedStyle(part).overflowX !== 'visible')
                faults.push(`"${button.innerText}" is cut off`);
    return faults;
}"""


@pytest.fixture(scope="session")
def report_of_many_classes(server: Server) -> Run:
    """A report of many classes."""
    return make(Settings(home=server.home), classes=MANY, test=5 * MANY)


@pytest.mark.parametrize(
    ("which", "width", "scheme"),
    [
        pytest.param(*look, marks=() if look == FAST else pytest.mark.slow)
        for look in itertools.product(
            ("few", "many"), (chromium.NARROW, chromium.WIDE), ("light", "dark")
        )
    ],
)
def test_each_view_is_shown_whole_and_nothing_lies_over_something_else(
    open_page: Callable[..., Page],
    trained_run: Run,
    report_of_many_classes: Run,
    which: str,
    width: int,
    scheme: str,
) -> None:
    run = trained_run.id if which == "few" else report_of_many_classes.id
    page = open_page(f"reports?run={run}&was=0&said=0", width=width, scheme=scheme)
    page.set_viewport_size({"width": width, "height": TALL})
    views = VIEWS if which == "few" else [view for view in VIEWS if view != "Export"]
    for view in views:  # the report of many classes has no model to export
        chromium.choose(page, view)
        expect(page.get_by_role("radio", name=view).first).to_be_checked()
        assert f"view={view}" in page.url or view == "Summary"
        expect(page.get_by_test_id("stException")).to_have_count(0)
        expect(page.get_by_test_id("stAlertContentError")).to_have_count(0)
        if view == "Summary":
            page.get_by_test_id("stExpander").locator("summary").first.click()
            chromium.settle(page)
        assert chromium.overflow(page) <= 0, f"{view} is wider than the window"
        assert not page.evaluate(FAULTS), view
        if scheme == "light":
            # The contrast in dark colours takes as long again.
            dark = width == chromium.WIDE
            assert not chromium.axe_violations(page, dark=dark), view


@pytest.mark.slow
def test_a_picture_opens_closer_and_leads_to_the_next(
    open_page: Callable[..., Page], report_of_many_classes: Run
) -> None:
    report = report_of_many_classes.report()
    page = open_page(
        f"reports?run={report_of_many_classes.id}&view=Pictures&order=Surest", width=chromium.NARROW
    )
    ranked = sorted(report.predictions, key=lambda prediction: -prediction.probability)
    page.get_by_test_id("stMain").get_by_role("button").filter(has_text="%").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text(ranked[0].name)).to_be_visible()
    expect(dialog.get_by_alt_text("Heat map for")).to_be_visible()
    dialog.get_by_role("button", name="Next").click()
    expect(dialog.get_by_text(ranked[1].name)).to_be_visible()
    chromium.settle(page)
    assert page.evaluate("el => el.scrollWidth - el.clientWidth", dialog.element_handle()) <= 0
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


@pytest.mark.slow
def test_a_clicked_cell_is_in_the_address_opens_again_and_one_step_back_leaves_it(
    open_page: Callable[..., Page], report_of_many_classes: Run
) -> None:
    page = open_page(f"reports?run={report_of_many_classes.id}&view=Confusions")
    grid = page.locator(".nsewdrag").bounding_box()
    label = 2
    share = 2.5 / MANY
    page.mouse.click(grid["x"] + grid["width"] * share, grid["y"] + grid["height"] * share)
    page.wait_for_url(lambda url: "was=" in url)
    query = parse_qs(urlsplit(page.url).query)
    assert (query["was"], query["said"]) == ([str(label)], [str(label)])
    pictures = page.get_by_test_id("stImage")
    expect(pictures.first).to_be_visible()
    chromium.settle(page)
    count = pictures.count()

    reloaded = open_page(page.url.split("/", 3)[3])
    expect(reloaded.get_by_test_id("stImage")).to_have_count(count)
    reloaded.close()
    page.go_back()
    expect(pictures).to_have_count(0)
    assert not {"was", "said"} & parse_qs(urlsplit(page.url).query).keys()


@pytest.mark.slow
def test_what_was_chosen_in_one_report_is_not_in_the_address_of_the_next(
    open_page: Callable[..., Page], trained_run: Run
) -> None:
    page = open_page(f"reports?run={trained_run.id}&view=Pictures&only=Wrong&was=0&said=1")
    chromium.press(page, "All runs")
    page.wait_for_url("**/reports")
    chromium.press(page, samples.DIGITS)
    page.wait_for_url(f"**/reports?run={runs.SAMPLE.name}")
