"""Strike a worker at a chosen write or rename: kill it there, or let the disk refuse.

It is copied, as `sitecustomize.py`, into a folder that the worker's `PYTHONPATH` names, with a plan
beside it. Python imports it before anything else, and it knows nothing of the project but the name
of the module that is to be struck. What libraries in C write without Python passes unseen.
"""

from __future__ import annotations

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
PLAN, SEEN, STRUCK = "plan.json", "seen.jsonl", "struck"
KILLS = {"kill", "stop"}
"""Ends of the process: of the worker alone, or of whoever looks after it as well."""
REFUSALS = {"full": errno.ENOSPC, "broken": errno.EIO}
RANDOM = re.compile(r"(?<![0-9a-z])\.?[0-9a-f]{8}\.(?=\w)|[0-9a-f]{32}")
TEXT = ("encoding", "errors", "newline")
_open, _replace, _rename = io.open, os.replace, os.rename


class Strike:
    """What is planned, and how far it has come.

    Attributes:
        plan: `root` below which writes count; `how` to strike, at which `point` (operation, name,
            number from 1, moment), and whether a disk goes on to refuse (`lasting`).
    """

    def __init__(self, plan: dict[str, Any]) -> None:
        self.plan, self.fell = plan, False
        self.counts: Counter[tuple[str, str]] = Counter()
        self.lock = threading.Lock()

    def name(self, path: object) -> str:
        """A path under the root without what is random in it; empty for one elsewhere."""
        try:
            text = str(Path.cwd() / os.fspath(path))  # type: ignore[call-overload]
        except TypeError:  # a file descriptor
            return ""
        root = self.plan["root"] + os.sep
        return RANDOM.sub("", text[len(root) :]) if text.startswith(root) else ""

    def begin(self, operation: str, name: str) -> str:
        """Count an operation that is about to begin. Returns the moment at which to strike."""
        with self.lock:
            self.counts[operation, name] += 1
            number = self.counts[operation, name]
        with _open(HERE / SEEN, "a") as seen:
            seen.write(json.dumps([operation, name, number]) + "\n")
        if self.fell and self.plan.get("lasting"):
            self.fall()
        point = self.plan.get("point")
        return point[3] if point and [operation, name, number] == point[:3] else ""

    def fall(self) -> None:
        """Kill or refuse."""
        self.fell = True
        with _open(HERE / STRUCK, "a"):
            pass
        how = self.plan["how"]
        if how in REFUSALS:
            raise OSError(REFUSALS[how], os.strerror(REFUSALS[how]))
        if how == "stop":
            os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(60)


class StruckFile(io.FileIO):
    """A file that is struck in the middle of its first write, or when it is closed."""

    def aim(self, strike: Strike, moment: str) -> None:
        """Say what strikes it, and when."""
        self.strike, self.moment = strike, moment

    def write(self, content: Any, /) -> int:
        """Half of it, and then the strike."""
        if self.moment == "middle":
            self.moment = ""
            super().write(bytes(content)[: len(bytes(content)) // 2])
            self.strike.fall()
        return super().write(content)

    def close(self) -> None:
        """Close it; libraries that write around Python are struck here at the latest."""
        if self.closed:
            return
        super().close()
        if self.moment:
            self.moment = ""
            self.strike.fall()


def arm(strike: Strike) -> None:
    """Let every write and rename of this process ask whether it is the one."""

    def opened(file: Any, mode: str = "r", *given: Any, **named: Any) -> Any:
        name = strike.name(file) if set(mode) & set("wax+") else ""
        moment = strike.begin("write", name) if name else ""
        if moment == "before":
            strike.fall()
        if moment == "later":
            threading.Timer(strike.plan["delay"], strike.fall).start()
        if moment in ("", "before", "later"):
            return _open(file, mode, *given, **named)
        raw = StruckFile(file, mode.replace("t", "").replace("b", ""))
        raw.aim(strike, moment)
        buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        if "b" in mode:
            return buffered
        said = dict(zip(("buffering", *TEXT), given, strict=False)) | named
        return io.TextIOWrapper(buffered, **{key: said[key] for key in TEXT if key in said})

    def moved(move: Any) -> Any:
        def struck(source: Any, target: Any, **named: Any) -> None:
            name = strike.name(target)
            moment = strike.begin("rename", name) if name else ""
            if moment == "before":
                strike.fall()
            move(source, target, **named)
            if moment:
                strike.fall()

        return struck

    builtins.open = io.open = opened  # type: ignore[assignment]
    os.replace, os.rename = moved(_replace), moved(_rename)


if (HERE / PLAN).is_file():
    planned = json.loads((HERE / PLAN).read_text())
    if planned["module"] in sys.orig_argv:
        arm(Strike(planned))
