"""Run what strikes the app and what loads it, and write docs/reliability.md from what they say.

    python -m benchmarks.reliability

A program that is not there is left out, and the page says so.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reliability.md"
PROGRAMS = {"faults": "benchmarks.faults", "load": "benchmarks.load"}
BEGIN, END = "<!-- {}: written by `make reliability` -->", "<!-- end of {} -->"
NOT_RUN = "Not run yet."


def said(module: str) -> dict[str, Any] | None:
    """What a program printed as JSON in its last line; None where there is no such program."""
    if importlib.util.find_spec(module) is None:
        return None
    command = [sys.executable, "-m", module, "--json"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    lines = done.stdout.strip().splitlines()
    if not lines:
        raise SystemExit(f"{module} printed nothing; it ended with code {done.returncode}.")
    return json.loads(lines[-1])


def joined(printed: Sequence[Path]) -> dict[str, Any]:
    """What a program printed in several runs, each of other kinds."""
    found = [json.loads(path.read_text().strip().splitlines()[-1]) for path in printed]
    together = {"pass": all(one["pass"] for one in found)}
    if "faults" in found[0]:
        return together | {"faults": [group for one in found for group in one["faults"]]}
    return found[0]


def faults(found: dict[str, Any]) -> str:
    """A table of faults: tried, survived, lost."""
    rows = [
        "| faults | tried | survived | lost | gone on to their report | probabilities differ by at "
        "most | restart to recovery, seconds at most |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for group in found["faults"]:
        difference = group["difference"]
        rows.append(
            f"| {group['name']} | {group['tried']} | {group['survived']} | {group['lost']} | "
            f"{group['resumed']} | {'–' if difference is None else f'{difference:.1g}'} | "
            f"{group['recovery']:.1f} |"
        )
    tried, lost = (sum(group[key] for group in found["faults"]) for key in ("tried", "lost"))
    kept = tried - lost
    rows.append(f"| **all** | **{tried}** | **{kept}** | **{lost}** | | | |")
    troubles = [f"- {why}" for group in found["faults"] for why in group["troubles"]]
    return "\n".join([*rows, *([""] if troubles else []), *troubles])


def load(found: dict[str, Any]) -> str:
    """A table of figures beside what is asked of them, as `benchmarks/report.py` prints them."""
    rows = ["| figure | measured | asked |", "|---|---:|---:|"]
    for name, figure in found["figures"].items():
        low, high = figure["at_least"], figure["at_most"]
        asked = f"at least {low:g}" if low is not None else ""
        asked = f"at most {high:g}" if high is not None else asked
        value = figure["measured"]
        rows.append(f"| {name} | {'never' if value is None else _said(value)} | {asked} |")
    return "\n".join([*rows, "", *found.get("notes", ())]).rstrip()


def _said(value: float) -> str:
    """Three digits of it, and whole numbers as they are."""
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 100 else f"{value:.3g}"


def filled(page: str, name: str, table: str) -> str:
    """The page with another table between the marks of that name."""
    begin, end = BEGIN.format(name), END.format(name)
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n{table}\n{end}{after}"


def main() -> int:
    """Run the programs that are there, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=PROGRAMS, help="one of the programs")
    parser.add_argument("--read", type=Path, nargs="+", help="what it has printed as JSON")
    asked = parser.parse_args()
    passed, page = True, PAGE.read_text(encoding="utf-8")
    for name in [asked.only] if asked.only else PROGRAMS:
        found = joined(asked.read) if asked.read else said(PROGRAMS[name])
        table = NOT_RUN if found is None else (faults if name == "faults" else load)(found)
        page = filled(page, name, table)
        passed = passed and (found is None or found["pass"])
    PAGE.write_text(page, encoding="utf-8")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
