"""A visitor without a browser: opens pages, presses what they show, reads what they say."""

import io
import re
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Self

from pytest import MonkeyPatch
from streamlit.components.v2 import manifest_scanner
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner import script_runner
from streamlit.runtime.state.session_state import WStates
from streamlit.testing.v1 import AppTest, app_test
from streamlit.testing.v1.element_tree import Selectbox

from ui import frame, state

ROOT = Path(__file__).parents[2]
PAGES = next(ROOT.glob("*pages/predict.py")).parent.name
PATIENCE = 120.0
"""Seconds that a page, or a job that a page waits for, may take on a busy machine."""
LABELS = ("label", "help")
MARKDOWN = (*LABELS, "body", "text", "caption", "captions", "options", "content", "title", "delta")
"""Fields of elements that a browser renders as Markdown."""
VERBATIM = {"text", "code", "json", "dataframe", "selectbox", "multiselect", "text_input"}
"""Elements of which it renders no more than `ABOUT`."""
MARKUP = re.compile(r"\*\*bold\*\*|(?<!\\)<img src|\[link\]\(|:red\[fire\]|\$x\^2\$|\*new\*")
"""Parts of names in tests: unescaped where a browser renders Markdown, they fail a test.

Charts, HTML and what no test visits are not looked at."""
SERVED: dict[str, bytes] = {}
"""Address → content of what pages offered to show or to download."""
DEFERRED: dict[str, Callable[[], Any]] = {}
"""Id → what makes a file once its download button is pressed."""


class Entered(PagesManager):
    """A server that somebody has opened at `/` before; `ui/frame.py` says why that matters.

    Callbacks know the pages of the run before, as in a browser's session.
    """

    pages: dict[str, Any] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        PagesManager.uses_pages_directory = False
        self._pages = Entered.pages

    def set_pages_and_resolve(self, pages: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Streamlit's, remembered."""
        Entered.pages = pages
        return super().set_pages_and_resolve(pages, *args, **kwargs)


app_test.PagesManager = Entered
# Each session looks through all that is installed for components, and each run empties Keras where
# a test before has imported it: a quarter of a second every time, for what no page has a use.
manifest_scanner.scan_component_manifests = cache(manifest_scanner.scan_component_manifests)
script_runner._clean_problem_modules = lambda: None


def _index(box: Selectbox) -> int | None:
    """Streamlit's, but a value that was typed is one of the options."""
    if box.value is None:
        return None
    value = box.format_func(box.value)
    if value not in box.options:
        box.options.append(value)
    return box.options.index(value)


Selectbox.index = property(_index)


class Storage(MemoryMediaFileStorage):
    """Streamlit's, but what it served can be looked at after the run."""

    def get_url(self, file_id: str) -> str:
        """Address of a file, remembered."""
        url = super().get_url(file_id)
        SERVED[url] = self.get_file(file_id).content
        return url


def _defer(self: MediaFileManager, data: Callable[[], Any], *args: Any, **kwargs: Any) -> str:
    """Streamlit's `add_deferred`, remembered."""
    file_id = _add_deferred(self, data, *args, **kwargs)
    DEFERRED[file_id] = data
    return file_id


_add_deferred, MediaFileManager.add_deferred = MediaFileManager.add_deferred, _defer


class Visitor:
    """One session of the app.

    Attributes:
        at: Streamlit's own handle, for what has no method here.
    """

    def __init__(self) -> None:
        self.at = AppTest.from_file(ROOT / "app.py", default_timeout=PATIENCE)
        self.at.session_state[state.ARRIVED] = True  # no browser, so no width to wait for
        for folded in ("advanced", "change classes False"):  # unfolded, to be looked at
            self.at.session_state[folded] = True

    def open(self, page: str = "predict", **parameters: str) -> Self:
        """Go to a page by its address."""
        self.at.query_params = dict(parameters)
        self.at.switch_page(f"{PAGES}/{page}.py")
        return self.rerun()

    def rerun(self) -> Self:
        """Have the page drawn again, as it does by itself while a job runs."""
        self.at.run()
        self.at._page_hash = ""  # else a page that led to another would be gone back to
        assert not self.at.exception, [trouble.message for trouble in self.at.exception]
        # What it was is in the log that pytest shows.
        assert not self.apologies(), self.apologies()
        rendered = [text for text in self.markdown_texts() if MARKUP.search(text)]
        assert not rendered, f"names that are not escaped: {rendered}"
        return self

    def apologies(self) -> list[str]:
        """What the page says of bugs."""
        begins = frame.SORRY.partition("{")[0]
        return [error.value for error in self.at.error if error.value.startswith(begins)]

    def wait_until(self, condition: Callable[[], Any]) -> Self:
        """Look at the page until something is there."""
        started = time.monotonic()
        deadline, ended = started + PATIENCE, started
        while not condition():
            # A page must not take the processor from the worker that it waits for.
            time.sleep(max(0.1, ended - started))
            started = time.monotonic()
            assert started < deadline, f"waited in vain; the page says: {self.text()}"
            self.rerun()
            ended = time.monotonic()
        return self

    def press(self, label: str) -> Self:
        """Press the button of that label."""
        self.button(label).click()
        return self.rerun()

    def press_key(self, key: str) -> Self:
        """Press the button of that key, for one of several with the same label."""
        self.at.button(key=key).click()
        return self.rerun()

    def press_twice(self, label: str) -> Self:
        """Press a button again before the page is drawn again."""
        call = WStates.call_callback

        def call_twice(states: WStates, widget: str) -> None:
            for _ in range(2):
                call(states, widget)

        with MonkeyPatch.context() as patched:
            patched.setattr(WStates, "call_callback", call_twice)
            return self.press(label)

    def button(self, label: str) -> Any:
        """The button of that label, as it reads."""
        buttons = [button for button in self.at.button if plain_text(button.label) == label]
        assert len(buttons) == 1, f"{len(buttons)} buttons called {label!r} among {self.buttons()}"
        return buttons[0]

    def buttons(self) -> list[str]:
        """Labels of all buttons, as they read."""
        return [plain_text(button.label) for button in (*self.at.button, *self.at.download_button)]

    def choose(self, option: str, value: str = "") -> Self:
        """Choose an option of a radio; `value` if it is not what is shown."""
        for control in self.at.radio:
            if option in map(plain_text, control.options):
                control.set_value(value or option)
                return self.rerun()
        raise AssertionError(f"nothing offers {option!r}")

    def fill(self, label: str, value: Any, *, first: bool = False) -> Self:
        """Give a field, by its label, a value; of several, the first."""
        matching = self.fields(label)
        assert len(matching) == 1 or first, f"{len(matching)} fields called {label!r}"
        matching[0].set_value(value)
        return self.rerun()

    def value(self, label: str) -> Any:
        """The value of the field of that label."""
        return self.field(label).value

    def field(self, label: str) -> Any:
        """The field of that label."""
        (field,) = self.fields(label)
        return field

    def fields(self, label: str) -> list[Any]:
        """The fields of that label."""
        fields = (
            *self.at.number_input,
            *self.at.selectbox,
            *self.at.multiselect,
            *self.at.text_input,
            *self.at.checkbox,
        )
        return [field for field in fields if field.label == label]

    def upload(self, *files: tuple[str, bytes]) -> Self:
        """Give files to the uploader of the page."""
        uploader = self.at.file_uploader[0]
        triples = [(name, content, "application/octet-stream") for name, content in files]
        uploader.set_value(triples if uploader.accept_multiple_files else triples[0])
        return self.rerun()

    def download(self, label: str) -> bytes:
        """What the download button of that label gives."""
        (button,) = [b for b in self.at.download_button if plain_text(b.label) == label]
        if not button.proto.deferred_file_id:
            return SERVED[button.proto.url]
        content = DEFERRED[button.proto.deferred_file_id]()
        if isinstance(content, io.RawIOBase):
            return bytes(content.read())
        return content.encode() if isinstance(content, str) else content

    def markdown_texts(self) -> list[str]:
        """Every text of the page that a browser would render as Markdown."""
        return [text for node in self.at._tree for text in _markdown(node)]

    def text(self) -> str:
        """All text of the page as it reads, one line a text."""
        text = "\n".join(map(plain_text, self.markdown_texts()))
        return text.replace("\N{NO-BREAK SPACE}", " ")

    def headings(self) -> list[str]:
        """The headings below the title."""
        return [heading.value for heading in self.at.header]

    def table(self, *columns: str) -> list[tuple[Any, ...]]:
        """Rows of the table that has these columns."""
        for table in self.at.dataframe:
            if set(columns) <= set(table.value.columns):
                return list(table.value[list(columns)].itertuples(index=False, name=None))
        raise AssertionError(f"no table has the columns {columns}")

    def bars(self) -> list[str]:
        """Names and values of the bars, as they read: `tabby · 85 %`.

        What a model that is not sure would answer is grey text instead.
        """
        grey = [line.value for line in self.at.markdown if line.value.startswith(":gray[")]
        return [plain_text(bar.proto.text) for bar in self.at.get("progress")] + [
            plain_text(line.removeprefix(":gray[").removesuffix("]")) for line in grey
        ]

    def charts(self) -> list[str]:
        """What those who cannot see the charts are told."""
        return [chart.proto.alt for chart in self.at.get("plotly_chart")]


def plain_text(markdown: str) -> str:
    """What a text reads like: no icons, no emphasis of the page's own, no escapes."""
    text = re.sub(r":material/\w+:\s*", "", markdown)
    text = re.sub(r"(?<!\\)\*\*", "", text)
    return re.sub(r"\\([^\w\s]|_)", r"\1", text).strip()


def _markdown(node: Any) -> Iterator[str]:
    """What a browser renders as Markdown of an element or a container, without what is in it."""
    if getattr(node, "type", "") == "table":
        yield from map(str, (*node.value.columns, *node.value.index, *node.value.to_numpy().flat))
    elif (proto := getattr(node, "proto", None)) is not None:
        yield from _texts(proto, LABELS if getattr(node, "type", "") in VERBATIM else MARKDOWN)


def _texts(proto: Any, names: tuple[str, ...]) -> Iterator[str]:
    for field, value in proto.ListFields() if hasattr(proto, "ListFields") else ():
        for item in value if field.is_repeated else [value]:
            if isinstance(item, str) and field.name in names:
                yield item
            elif hasattr(item, "ListFields") and names is MARKDOWN:
                yield from _texts(item, names)
