"""How work reports its progress."""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called with the current step, the items done and the items in all; raises to cancel the work."""


def ignore(step: str, done: int, total: int) -> None:
    """A `Progress` that nobody watches."""
