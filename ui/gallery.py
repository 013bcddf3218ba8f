"""Pictures in a grid, a page at a time."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, TypeVar

import streamlit as st

from core import images
from core.errors import TuskerError
from ui import resources, state, text, widgets

Item = TypeVar("Item")

MISSING = "The small copy of this picture is missing."
PAGE = 24
SQUARE = 88
"""Edge of a thumbnail in a strip, in pixels; four fit beside each other on a phone."""


def show(
    items: Sequence[Item],
    key: str,
    draw: Callable[[Item], object],
    *,
    page_size: int = PAGE,
    width: int = 130,
) -> None:
    """Draw each item of a page in a cell.

    Args:
        key: `state.PAGE` if the address keeps the page.
        width: least width of a cell in pixels.
    """
    bind: Literal["query-params"] | None = "query-params" if key == state.PAGE else None
    pages = -(-len(items) // page_size)
    page = st.pagination(pages, key=key, bind=bind) if pages > 1 else 1
    with st.grid(min_column_width=width, gap="small", key=f"gallery {key}") as grid:
        for item in items[(page - 1) * page_size : page * page_size]:
            with grid.cell():
                draw(item)


def strip(thumbnails: Sequence[Path], names: Sequence[str]) -> None:
    """Thumbnails in a row, each cut to its central square, so that rows are even.

    Args:
        names: what each shows, for screen readers.
    """
    shown = [(path, name) for path, name in zip(thumbnails, names, strict=True) if path.is_file()]
    squares = [text.data_url(_square(path)) for path, _ in shown]
    if squares:
        st.image(squares, width=SQUARE, alt=[name for _, name in shown])


def thumbnail(
    file: Path,
    alt: str,
    width: Literal["stretch", "content"] | int = "stretch",
    *,
    square: bool = False,
) -> None:
    """A small copy of a picture, or a note that it is missing.

    Args:
        square: whether it is cut to its central square.
    """
    if file.is_file():
        st.image(text.data_url(_square(file)) if square else str(file), width=width, alt=alt)
    else:
        st.caption(MISSING)


@st.cache_data(scope="session", max_entries=512, show_spinner=False)
def _square(thumbnail: Path) -> bytes:
    """JPEG of SQUARE pixels; the file as it is if it cannot be decoded."""
    try:
        pixels = images.decode(thumbnail, limits=resources.settings())
    except TuskerError:
        return thumbnail.read_bytes()
    return images.thumbnail(images.crop_and_resize(pixels, SQUARE), edge=SQUARE)


def choose(
    items: Sequence[Item],
    key: str,
    picture: Callable[[Item], tuple[Path, str]],
    targets: Sequence[str],
    move: Callable[[list[Item], str], object],
    about: Sequence[str],
) -> None:
    """Pictures with a checkbox each, and a box for the class to move the chosen ones to.

    Args:
        items: in the order to show; their texts differ.
        key: of the data set; checkboxes keep their state while it is the same.
        targets: names of classes; an empty one leaves pictures out. Others can be typed.
        move: if it is refused, the checkboxes keep their state, too.
        about: where the page shows why it was refused.
    """

    def box(item: Item) -> str:
        return f"chosen {key} {item}"

    def draw(item: Item) -> None:
        path, name = picture(item)
        thumbnail(path, name, SQUARE, square=True)
        st.checkbox(text.plain(name.rpartition("/")[2], 20), key=box(item), persist_state="session")

    def moved() -> None:
        move(chosen, st.session_state[target_key])
        st.session_state.update({box(item): False for item in chosen})

    show(items, f"choose {key} {items[:1]}", draw, width=100)
    chosen = [item for item in items if st.session_state.get(box(item))]
    # With other names the box is another widget: it must not keep a name that is gone.
    target_key = f"target {key} {hash(tuple(targets))}"
    target, button = st.columns([3, 1], vertical_alignment="bottom")
    target.selectbox(
        "Move the chosen pictures to",
        targets,
        index=None,
        format_func=class_title,
        placeholder="Choose or type a class",
        accept_new_options=True,
        key=target_key,
    )
    with button:
        widgets.button(
            f"Move {text.count(len(chosen), 'picture')}",
            moved,
            disabled=not chosen or st.session_state[target_key] is None,
            width="stretch",
            about=about,
        )


def class_title(name: str) -> str:
    """A class as an option of a box; without a name, that of pictures that are left out."""
    return name or "Left out"
