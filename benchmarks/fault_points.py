"""Inject a fault into a worker at a chosen write or rename: kill the worker, or fail the write.

This module is copied as `sitecustomize.py`, with a plan, into a folder on the worker's
`PYTHONPATH`, so that Python imports it first. It does nothing in processes of other modules than
the planned one. Writes of C libraries that bypass Python are not seen.
"""

import builtins
import errno
import io
import json
import os
import re
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PLAN, SEEN, INJECTED = "plan.json", "seen.jsonl", "injected"
KILLS = {"kill", "stop"}
"""`kill` kills the worker, `stop` also its parent, the dispatcher."""
ERRORS = {"full": errno.ENOSPC, "broken": errno.EIO}
RANDOM = re.compile(r"(?<![0-9a-z])\.?[0-9a-f]{8}\.(?=\w)|[0-9a-f]{32}")
TEXT = ("encoding", "errors", "newline")
_open, _replace, _rename = io.open, os.replace, os.rename


class Injector:
    """Counts operations and injects the planned fault.

    Attributes:
        plan: `root` (only paths below it count), `how` (kind of fault), `point` (operation, name,
            number from 1, moment), and `lasting` (all later writes fail too).
    """

    def __init__(self, plan: dict[str, Any]) -> None:
        self.plan, self.injected = plan, False
        self.counts: Counter[tuple[str, str]] = Counter()
        self.lock = threading.Lock()

    def name(self, path: object) -> str:
        """A path below the root without its random parts; empty for other paths."""
        try:
            text = str(Path.cwd() / os.fspath(path))  # type: ignore[call-overload]
        except TypeError:  # a file descriptor
            return ""
        root = self.plan["root"] + os.sep
        return RANDOM.sub("", text[len(root) :]) if text.startswith(root) else ""

    def begin(self, operation: str, name: str) -> str:
        """Count an operation that is about to begin. Returns the moment of its fault, if any."""
        with self.lock:
            self.counts[operation, name] += 1
            number = self.counts[operation, name]
        with _open(HERE / SEEN, "a") as log:
            log.write(json.dumps([operation, name, number]) + "\n")
        if self.injected and self.plan.get("lasting"):
            self.inject()
        point = self.plan.get("point")
        return point[3] if point and [operation, name, number] == point[:3] else ""

    def inject(self) -> None:
        """Kill the process or raise the error."""
        self.injected = True
        with _open(HERE / INJECTED, "a"):
            pass
        how = self.plan["how"]
        if how in ERRORS:
            raise OSError(ERRORS[how], os.strerror(ERRORS[how]))
        if how == "stop":
            os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(60)


class FaultyFile(io.FileIO):
    """A file with a fault in the middle of its first write, or when it is closed."""

    def plan(self, injector: Injector, moment: str) -> None:
        """Set the fault and its moment."""
        self.injector, self.moment = injector, moment

    def write(self, content: Any, /) -> int:
        """Write half of the content, then inject the fault."""
        if self.moment == "middle":
            self.moment = ""
            super().write(bytes(content)[: len(bytes(content)) // 2])
            self.injector.inject()
        return super().write(content)

    def close(self) -> None:
        """Close the file; the fault comes here if a library wrote without Python."""
        if self.closed:
            return
        super().close()
        if self.moment:
            self.moment = ""
            self.injector.inject()


def install(injector: Injector) -> None:
    """Patch `open`, `os.rename` and `os.replace` of this process."""

    def faulty_open(file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        name = injector.name(file) if set(mode) & set("wax+") else ""
        moment = injector.begin("write", name) if name else ""
        if moment == "before":
            injector.inject()
        if moment == "later":
            threading.Timer(injector.plan["delay"], injector.inject).start()
        if moment in ("", "before", "later"):
            return _open(file, mode, *args, **kwargs)
        raw = FaultyFile(file, mode.replace("t", "").replace("b", ""))
        raw.plan(injector, moment)
        buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        if "b" in mode:
            return buffered
        options = dict(zip(("buffering", *TEXT), args, strict=False)) | kwargs
        return io.TextIOWrapper(buffered, **{key: options[key] for key in TEXT if key in options})

    def faulty(move: Any) -> Any:
        def moved(source: Any, target: Any, **kwargs: Any) -> None:
            name = injector.name(target)
            moment = injector.begin("rename", name) if name else ""
            if moment == "before":
                injector.inject()
            move(source, target, **kwargs)
            if moment:
                injector.inject()

        return moved

    builtins.open = io.open = faulty_open
    os.replace, os.rename = faulty(_replace), faulty(_rename)


if (HERE / PLAN).is_file():
    planned = json.loads((HERE / PLAN).read_text())
    if planned["module"] in sys.orig_argv:
        install(Injector(planned))
