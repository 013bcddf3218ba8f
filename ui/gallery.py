"""Pictures in a grid, a page at a time."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import streamlit as st

from ui import state

Item = TypeVar("Item")

PAGE = 24


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
        items: in the order to show.
        key: of this gallery; `state.PAGE` keeps the page in the address.
        draw: draws one item.
        page_size: items per page.
        width: least width of a cell in pixels.
    """
    page = _page(-(-len(items) // page_size), key)
    with st.grid(min_column_width=width, gap="small", key=f"gallery {key}") as grid:
        for item in items[(page - 1) * page_size : page * page_size]:
            with grid.cell():
                draw(item)


def _page(pages: int, key: str) -> int:
    if pages <= 1:
        return 1
    if key != state.PAGE:
        return st.pagination(pages, key=f"page {key} of {pages}")
    if st.session_state.get(key, 1) > pages:
        st.session_state[key] = 1
    return st.pagination(pages, key=key, bind="query-params")
