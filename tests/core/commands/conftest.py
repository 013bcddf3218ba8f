"""Fixtures: the command line, called in this process, which is much faster than in a new one."""

import subprocess
from collections.abc import Callable

import pytest

from core.__main__ import main
from core.jobs.workers import ROOT

Command = Callable[..., subprocess.CompletedProcess[str]]
Refusal = Callable[..., str]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """`command("predict", …)`: what the command line answers."""

    def run(*words: object) -> subprocess.CompletedProcess[str]:
        arguments = [str(word) for word in words]
        capfd.readouterr()
        code = main(arguments)
        return subprocess.CompletedProcess(arguments, code, *capfd.readouterr())

    monkeypatch.chdir(ROOT)
    return run


@pytest.fixture
def refusal(command: Command) -> Refusal:
    """`refusal("predict", …)`: the one sentence that is all that is said to bad input."""

    def refused(*words: object) -> str:
        answer = command(*words)
        assert (answer.returncode, answer.stdout) == (2, ""), answer.stderr
        assert answer.stderr.count("\n") == 1, answer.stderr
        return answer.stderr.strip()

    return refused
