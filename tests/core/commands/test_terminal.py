"""What arrives on standard error, and what does not."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from core.commands import terminal
from core.commands.terminal import TerminalProgress
from core.jobs.events import Epoch, Note, Step
from core.jobs.workers import ROOT


def test_native_log_lines_are_dropped_and_our_messages_printed(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with terminal.quiet_libraries():
        os.write(2, b"INFO: Created a delegate.\n")
        terminal.warn("Käse is no picture.")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "Käse is no picture.\nafter\n"


def test_a_bug_keeps_its_traceback() -> None:
    code = "from core.commands import terminal\nwith terminal.quiet_libraries():\n    1 / 0\n"
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 1
    assert answer.stderr.startswith("Traceback")
    assert answer.stderr.endswith("ZeroDivisionError: division by zero\n")


def test_native_log_lines_can_go_to_a_file(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with terminal.quiet_libraries():
        terminal.divert(tmp_path / "worker.log")
        os.write(2, b"INFO: Created a delegate.\n")
    assert (tmp_path / "worker.log").read_text() == "INFO: Created a delegate.\n"
    assert capfd.readouterr().err == ""


def test_a_process_without_standard_error_works() -> None:
    code = "from core.__main__ import main\nraise SystemExit(main(['backbones']))"
    command = f'exec "{sys.executable}" -c "{code}" 2>&-'
    answer = subprocess.run(["sh", "-c", command], cwd=ROOT, capture_output=True, check=False)
    assert answer.returncode == 0
    assert answer.stdout.startswith(b"efficientnet-lite0")


def test_a_signal_requests_a_cancel_and_interrupts() -> None:
    cancel_calls = []
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), terminal.cancelling(lambda: cancel_calls.append(True)):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
    assert cancel_calls == [True]
    assert signal.getsignal(signal.SIGINT) is before


EVENTS = (
    Step(what="Looking", done=1, total=2),
    Step(what="Looking", done=2, total=2),
    Note(sentence="Half-way."),
    Epoch(phase="head", epoch=1, epochs=2, loss=0.5, accuracy=0.75, seconds=1),
)


def test_progress_is_shown_at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = pty.openpty()
    with os.fdopen(writer, "w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        for progress in (TerminalProgress(), TerminalProgress(silent=True)):
            for event in EVENTS:
                progress(event)
        TerminalProgress.close()
    # The other end is closed: what was written is followed by an input/output error.
    written = b""
    with suppress(OSError):
        while chunk := os.read(reader, 10_000):
            written += chunk
    os.close(reader)
    text = re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", written.decode())
    lines = [" ".join(line.split()) for line in text.replace("\r", "\n").splitlines()]
    assert any(re.fullmatch("Looking ━+ 2/2.*", line) for line in lines)
    assert lines.count("Half-way.") == 1
    assert any(re.fullmatch("head epoch .*1/2.*loss 0.500 accuracy 0.750", line) for line in lines)


def test_progress_is_not_written_into_a_pipe(capfd: pytest.CaptureFixture[str]) -> None:
    progress = TerminalProgress()
    for event in EVENTS:
        progress(event)
    assert capfd.readouterr().err == ""


def test_control_characters_are_replaced_in_output(
    capfd: pytest.CaptureFixture[str],
) -> None:
    terminal.say("\ud800 \x1b]0;title\x07\u2028\u202e 95\u202f% é\n")
    terminal.print_json({"a": "\udce9\x9b\u2028é\u2066"})
    plain, text = capfd.readouterr().out.split("\n\n")
    assert plain == "\ufffd \ufffd]0;title\ufffd\ufffd\ufffd 95\u202f% é"
    assert "é" in text and "\\udce9\\u009b\\u2028" in text and "\\u2066" in text
    assert json.loads(text) == {"a": "\udce9\x9b\u2028é\u2066"}
