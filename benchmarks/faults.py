"""Fault injection: break trainings at every write and rename, restart, and check the runs.

    python -m benchmarks.faults --json

Real workers train on the tiny backbone. A module that Python loads into them kills them or fails
their writes at a chosen point; the app itself has no code for it. Afterwards each run must be
complete, or be interrupted and resume to the same report as a run without faults. All kinds of
faults take half an hour, `--fast` takes a minute.
"""

import json
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

from benchmarks import fault_web
from benchmarks.fault_trials import Fault, Outcome, Trial, inject, set_up
from benchmarks.report import argument_parser

EVENTS, MANIFEST = "home/runs//events.jsonl", "home/runs//manifest.json"
CHECKPOINT = "home/runs//checkpoint.npz"
LONG: dict[str, Any] = {
    "fine_tune_phase": {"epochs": 500, "patience": 500, "learning_rate": 1e-3},
    "unfreeze": {"stages": 2},
    "batch_size": 1,
}
"""Fine-tuning that is long enough for checkpoints."""
WRITES = ("before", "middle", "after")
RENAMES = ("before", "after")
KINDS = ("quick", "disk", "web", "best", "checkpoints", "exports")
FEW = 3
"""Points of the fast subset."""


@dataclass(frozen=True)
class Group:
    """The results for faults of one kind.

    Attributes:
        tried: number of injected faults.
        survived: number of faults after which all checks passed.
        resumed: number of runs that were resumed to their report.
        recovery: longest time after a restart, in seconds.
        difference: largest difference of a probability to the run without faults.
        troubles: failed checks.
    """

    name: str
    tried: int
    survived: int
    resumed: int
    recovery: float
    difference: float | None
    troubles: tuple[str, ...]

    @property
    def lost(self) -> int:
        """Number of faults after which a check failed."""
        return self.tried - self.survived


def grouped(name: str, outcomes: Iterable[Outcome]) -> Group:
    """Count the outcomes of one kind, and print each to standard error.

    Ctrl-C ends the group with the outcomes so far.
    """
    injected = []
    with suppress(KeyboardInterrupt):
        for outcome in outcomes:
            if outcome.reached:
                injected.append(outcome)
            state = outcome.state or "not reached"
            print(f"{name}: {outcome.fault}: {state} {outcome.troubles or ''}", file=sys.stderr)
    differences = [o.difference for o in injected if o.difference is not None]
    return Group(
        name=name,
        tried=len(injected),
        survived=sum(not o.troubles for o in injected),
        resumed=sum(o.resumed for o in injected),
        recovery=max((o.seconds for o in injected), default=0.0),
        difference=max(differences, default=None),
        troubles=tuple(f"{o.fault}: {why}" for o in injected for why in o.troubles),
    )


def until_the_report(points: Sequence[tuple[str, str, int]]) -> Sequence[tuple[str, str, int]]:
    """The operations up to the manifest, which completes the run."""
    return points[: points.index(("rename", MANIFEST, 1)) + 1]


def thinned(points: Iterable[tuple[str, str, int]], most: int) -> list[tuple[str, str, int]]:
    """At most `most` operations per file, evenly spread, the first one included."""
    by_file: dict[tuple[str, str], list[tuple[str, str, int]]] = {}
    for point in points:
        by_file.setdefault(point[:2], []).append(point)
    return [
        point
        for same in by_file.values()
        for point in same[:: max(1, -(-len(same) // most))][:most]
    ]


def kills(trial: Trial) -> Iterator[Fault]:
    """Kill the worker, or worker and dispatcher, around each write before the report."""
    hows = cycle(("kill", "stop"))
    points = thinned(until_the_report(trial.points), 7)
    writes = cycle(WRITES)
    for operation, name, number in points:
        for moment in RENAMES if operation == "rename" else (next(writes),):
            yield Fault(next(hows), (operation, name, number, moment))


def at_checkpoints() -> Iterator[Fault]:
    """Kills around the first checkpoints, and disk errors while they are written."""
    for number, how, refused in ((1, "kill", "full"), (2, "stop", "broken")):
        yield Fault(how, ("write", CHECKPOINT, number, "middle"))
        for moment in RENAMES:
            yield Fault(how, ("rename", CHECKPOINT, number, moment))
        yield Fault(refused, ("write", CHECKPOINT, number, "middle"))


def kills_in_exports(trial: Trial) -> Iterator[Fault]:
    """Kills during the exports: at writes of Python, and some time after them."""
    hows = cycle(("kill", "stop"))
    after = trial.points[trial.points.index(("rename", MANIFEST, 1)) + 1 :]
    for operation, name, number in thinned(after, 2):
        if "events" in name:
            for delay in (0.3, 1.5):
                at = (operation, name, number, "later")
                yield Fault(next(hows), at, exports=True, delay=delay)
        elif operation == "rename" and "/runs/" in name:
            yield Fault(next(hows), (operation, name, number, "before"), exports=True)
    yield Fault("stop", ("rename", MANIFEST, 2, "before"), exports=True)
    yield Fault("kill", ("rename", MANIFEST, 2, "after"), exports=True)


def disk_errors(trial: Trial) -> Iterator[Fault]:
    """A full or broken disk at each written file, once or for all later writes."""
    ways = cycle((("full", False), ("full", True), ("broken", True)))
    for operation, name, number in thinned(until_the_report(trial.points), 1):
        for moment in ("before",) if operation == "rename" else ("before", "middle"):
            how, lasting = next(ways)
            yield Fault(how, (operation, name, number, moment), lasting)


def fast(folder: Path, prepared: Path | None = None) -> list[Group]:
    """A few faults before the report, in a minute.

    Args:
        prepared: a home with the tiny backbone.
    """
    quick = set_up(folder / "quick", "quick", exports=False, prepared=prepared)
    return [
        grouped("worker killed", (inject(quick, f) for f in _sample([*kills(quick)], FEW))),
        grouped(
            "disk full or broken",
            (inject(quick, f) for f in _sample([*disk_errors(quick)], FEW - 1)),
        ),
    ]


def _sample(faults: list[Fault], most: int) -> list[Fault]:
    """Evenly spread faults of the run folder, with the last one, which is the manifest's."""
    of_runs = [fault for fault in faults if fault.point[1].startswith("home/runs/")]
    return of_runs[:: -max(1, len(of_runs) // most)][:most]


def all_faults(folder: Path, kinds: Sequence[str] = KINDS) -> Iterator[Group]:
    """All faults of some kinds, in half an hour; yields each kind when it is done."""
    if "quick" in kinds:
        quick = set_up(folder / "quick", "quick", exports=False)
        yield grouped("worker killed, Quick", (inject(quick, f) for f in kills(quick)))
    if "disk" in kinds:
        disk = set_up(folder / "disk", "quick", exports=False)
        yield grouped("disk full or broken, Quick", (inject(disk, f) for f in disk_errors(disk)))
    if "web" in kinds:
        yield grouped("web process killed", fault_web.outcomes(folder / "web"))
    if "best" in kinds:
        tuned = set_up(folder / "best", "best", exports=False)
        some = [*kills(tuned)][::7]
        yield grouped("worker killed, fine-tuned", (inject(tuned, f) for f in some))
    if "checkpoints" in kinds:
        long = set_up(folder / "long", "best", exports=False, **LONG)
        yield grouped("at a checkpoint, fine-tuned", (inject(long, f) for f in at_checkpoints()))
    if "exports" in kinds:
        late = set_up(folder / "exports", "quick", exports=True)
        yield grouped("worker killed in exports", (inject(late, f) for f in kills_in_exports(late)))


def show(groups: list[Group], *, complete: bool) -> None:
    """Print the results as one line of JSON.

    They pass if no run was lost and all faults were injected, which `complete` says.
    """
    results = [vars(group) | {"lost": group.lost} for group in groups]
    passed = complete and not any(group.lost for group in groups)
    print(json.dumps({"faults": results, "pass": passed}), flush=True)


def main() -> int:
    """Inject the faults and print the results."""
    parser = argument_parser(__doc__)
    parser.add_argument("--fast", action="store_true", help="a few of each kind, in a minute")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    options = parser.parse_args()
    groups: list[Group] = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for group in fast(root) if options.fast else all_faults(root, options.kinds):
            groups.append(group)
            if options.json:  # an interrupted run has its results so far
                show(groups, complete=False)
    passed = not any(group.lost for group in groups)
    if options.json:
        show(groups, complete=True)
    else:
        for group in groups:
            print(f"{group.name:28} injected {group.tried:3}  lost {group.lost}")
            print("\n".join(group.troubles), end="\n" if group.troubles else "")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
