"""The command line: the pages' verbs with the same core behind them."""

from __future__ import annotations

import logging
import os
import signal
import sys

import typer
from typer.exceptions import TyperException

from core.commands import COMMANDS, terminal
from core.commands.terminal import complain
from core.errors import BadInput, Cancelled, RunDamaged, TuskerError

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Name what is in a picture, and teach a computer your own classes.",
)
for command in COMMANDS:
    app.command()(command)

CANCELLED = 130
"""Exit code after Ctrl-C, as shells have it."""


def main(typed: list[str] | None = None) -> int:
    """Run the command line; a refusal is a sentence and an exit code, a bug keeps its traceback.

    Args:
        typed: in place of those of the process.

    Returns:
        0, 2 for bad input, 130 for a cancel, 1 for what is wrong with this machine or with us.
    """
    with terminal.ours_alone():
        logging.basicConfig(level=logging.WARNING)
        try:
            code = app(typed, standalone_mode=False) or 0
        except TyperException as refusal:
            if message := refusal.format_message():  # none where the help was shown instead
                complain(f"{message.rstrip('.')}. See: python -m core --help")
            return refusal.exit_code
        except Cancelled:
            code = CANCELLED
        except (BadInput, RunDamaged) as refusal:
            complain(str(refusal))
            return 2
        except TuskerError as refusal:
            complain(str(refusal))
            return 1
        if code == CANCELLED:
            complain("It was cancelled.")
        return int(code)


if __name__ == "__main__":
    # `kill` leaves a run as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
