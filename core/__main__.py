"""The command line `tusker`: what the pages do, with the same code."""

import errno
import logging
import os
import signal
import sys
from typing import Annotated

import typer
from typer.exceptions import TyperException

from core import __version__
from core.commands import COMMANDS, terminal
from core.commands.terminal import warn
from core.errors import BadInput, Cancelled, RunDamaged, TuskerError

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

CANCELLED = 130
"""Exit code after Ctrl-C, as in shells."""

app = typer.Typer(
    name="tusker", add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False
)
for command in COMMANDS:
    app.command()(command)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tusker {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="Print the version."
        ),
    ] = False,
) -> None:
    """Classify pictures, and train image classifiers on your own classes."""
    del version  # the callback acts on it


def main(arguments: list[str] | None = None) -> int:
    """Run the command line. Expected errors become a sentence and an exit code.

    Args:
        arguments: instead of those of the process.

    Returns:
        0; 2 for bad input; 130 if cancelled; 1 for other expected errors.
    """
    # `kill` ends a run as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with terminal.quiet_libraries():
        logging.basicConfig(level=logging.WARNING)
        try:
            code = app(arguments, prog_name="tusker", standalone_mode=False) or 0
        except TyperException as error:
            if message := error.format_message():  # empty if the help was shown instead
                warn(f"{message.rstrip('.')}. See: tusker --help")
            return error.exit_code
        except Cancelled:
            code = CANCELLED
        except (BadInput, RunDamaged) as error:
            warn(str(error))
            return 2
        except TuskerError as error:
            warn(str(error))
            return 1
        except OSError as error:  # a full disk, or a path that nothing can be written to
            if error.filename is None and error.errno != errno.ENOSPC:
                raise
            warn(f"{error.filename or 'The disk'}: {error.strerror}.")
            return 1
        if code == CANCELLED:
            warn("Cancelled.")
        return int(code)


if __name__ == "__main__":
    sys.exit(main())
