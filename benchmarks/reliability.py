"""Run the fault-injection and load tests, and write their tables to docs/reliability.md.

python -m benchmarks.reliability
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reliability.md"
PROGRAMS = {
    "faults": "benchmarks.faults",
    "load": "benchmarks.load",
    "hostile": "benchmarks.hostile",
}
BEGIN, END = "<!-- {}: written by `make reliability` -->", "<!-- end of {} -->"


def run(module: str) -> dict[str, Any]:
    """Run a program and return the JSON in its last line."""
    command = [sys.executable, "-m", module, "--json"]
    result = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    lines = result.stdout.strip().splitlines()
    if not lines:
        raise SystemExit(f"{module} printed nothing; its exit code is {result.returncode}.")
    return json.loads(lines[-1])


def merge(paths: Sequence[Path]) -> dict[str, Any]:
    """The results of several runs of a program, from files of their output."""
    results = [json.loads(path.read_text().strip().splitlines()[-1]) for path in paths]
    if "faults" not in results[0]:
        return results[0]
    groups = [group for result in results for group in result["faults"]]
    return {"pass": all(result["pass"] for result in results), "faults": groups}


def faults_table(results: dict[str, Any]) -> str:
    """A table of the injected faults."""
    rows = [
        "| fault | injected | survived | lost | resumed to their report | largest difference of a "
        "probability | longest recovery after a restart, seconds |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for group in results["faults"]:
        difference = group["difference"]
        rows.append(
            f"| {group['name']} | {group['tried']} | {group['survived']} | {group['lost']} | "
            f"{group['resumed']} | {'–' if difference is None else f'{difference:.1g}'} | "
            f"{group['recovery']:.1f} |"
        )
    tried, lost = (sum(group[key] for group in results["faults"]) for key in ("tried", "lost"))
    survived = tried - lost
    rows.append(f"| **all** | **{tried}** | **{survived}** | **{lost}** | | | |")
    troubles = [f"- {why}" for group in results["faults"] for why in group["troubles"]]
    return "\n".join([*rows, *([""] if troubles else []), *troubles])


def load_table(results: dict[str, Any]) -> str:
    """A table of the measured and required figures."""
    rows = ["| figure | measured | required |", "|---|---:|---:|"]
    for name, figure in results["figures"].items():
        low, high = figure["at_least"], figure["at_most"]
        required = f"at least {low:g}" if low is not None else ""
        required = f"at most {high:g}" if high is not None else required
        value = figure["measured"]
        rows.append(f"| {name} | {'never' if value is None else _text(value)} | {required} |")
    return "\n".join([*rows, "", *results.get("notes", ())]).rstrip()


def _text(value: float) -> str:
    """A number with three significant digits; whole numbers as they are."""
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 100 else f"{value:.3g}"


def fill(page: str, name: str, table: str) -> str:
    """Replace the table between the marks of that name."""
    begin, end = BEGIN.format(name), END.format(name)
    before, _, remainder = page.partition(begin)
    _, _, after = remainder.partition(end)
    return f"{before}{begin}\n{table}\n{end}{after}"


def main() -> int:
    """Run the programs and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=PROGRAMS, help="run one program only")
    parser.add_argument(
        "--read", type=Path, nargs="+", help="read files of its JSON output instead of running it"
    )
    options = parser.parse_args()
    passed, page = True, PAGE.read_text(encoding="utf-8")
    for name in [options.only] if options.only else PROGRAMS:
        results = merge(options.read) if options.read else run(PROGRAMS[name])
        table = (faults_table if name == "faults" else load_table)(results)
        page = fill(page, name, table)
        passed = passed and results["pass"]
    PAGE.write_text(page, encoding="utf-8")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
