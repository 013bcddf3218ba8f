"""Callbacks of buttons."""

from ui import widgets


def test_a_callback_runs_once_for_each_time_that_its_button_is_drawn() -> None:
    calls: list[int] = []
    first, second = (widgets.once(calls.append) for _ in range(2))
    for number, press in enumerate((first, first, second)):
        press(number)
    assert calls == [0, 2]
