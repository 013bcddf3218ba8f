"""Strike trainings at every write and rename, restart, and count what survived and what was lost.

    python -m benchmarks.faults --json

Real workers train on the tiny backbone. A small program that Python loads into them kills them, or
refuses what they write, at a chosen point; nothing of that is in the app. Afterwards each run must
be complete, or say that it was interrupted and go on to the report of an undisturbed one.
"""

from __future__ import annotations

import argparse
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
from benchmarks.fault_trials import Bench, Fault, Outcome, lay_out, tried

EVENTS, MANIFEST = "home/runs//events.jsonl", "home/runs//manifest.json"
CHECKPOINT = "home/runs//checkpoint.npz"
LONG: dict[str, Any] = {
    "fine_tune_phase": {"epochs": 500, "patience": 500, "learning_rate": 1e-3},
    "unfreeze": {"stages": 2},
    "batch_size": 1,
}
"""Fine-tuning that takes long enough for its epochs to be kept."""
WRITES = ("before", "middle", "after")
RENAMES = ("before", "after")
KINDS = ("quick", "disk", "web", "balanced", "checkpoints", "exports")
FEW = 6
"""Points of the fast subset."""


@dataclass(frozen=True)
class Group:
    """What became of faults of one kind.

    Attributes:
        tried: faults that struck.
        survived: those after which everything asked of them held.
        resumed: runs that went on to their report.
        recovery: most seconds from the restart.
        difference: largest of a resumed run's probabilities to the undisturbed one's.
        troubles: what did not hold.
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
        """Faults after which something did not hold."""
        return self.tried - self.survived


def grouped(name: str, outcomes: Iterable[Outcome]) -> Group:
    """Count outcomes of one kind, and say each on standard error as it comes.

    Ctrl-C ends it with those that have come.
    """
    struck = []
    with suppress(KeyboardInterrupt):
        for outcome in outcomes:
            if outcome.reached:
                struck.append(outcome)
            stands = outcome.state or "never came to it"
            print(f"{name}: {outcome.fault}: {stands} {outcome.troubles or ''}", file=sys.stderr)
    differences = [o.difference for o in struck if o.difference is not None]
    return Group(
        name=name,
        tried=len(struck),
        survived=sum(not o.troubles for o in struck),
        resumed=sum(o.resumed for o in struck),
        recovery=max((o.seconds for o in struck), default=0.0),
        difference=max(differences, default=None),
        troubles=tuple(f"{o.fault}: {why}" for o in struck for why in o.troubles),
    )


def until_the_report(points: Sequence[tuple[str, str, int]]) -> Sequence[tuple[str, str, int]]:
    """Operations up to the manifest, which makes a run complete."""
    return points[: points.index(("rename", MANIFEST, 1)) + 1]


def thinned(points: Iterable[tuple[str, str, int]], most: int) -> list[tuple[str, str, int]]:
    """Operations with at most so many of each file, the first and others from all over."""
    kept: dict[tuple[str, str], list[tuple[str, str, int]]] = {}
    for point in points:
        kept.setdefault(point[:2], []).append(point)
    return [
        point for same in kept.values() for point in same[:: max(1, -(-len(same) // most))][:most]
    ]


def kills(bench: Bench) -> Iterator[Fault]:
    """Before, in and after what is written before the report, of the worker alone or with all."""
    hows = cycle(("kill", "stop"))
    points = thinned(until_the_report(bench.points), 7)
    writes = cycle(WRITES)
    for operation, name, number in points:
        for moment in RENAMES if operation == "rename" else (next(writes),):
            yield Fault(next(hows), (operation, name, number, moment))


def at_checkpoints() -> Iterator[Fault]:
    """Before, in and after the first writes of a checkpoint, and a disk that does not take it."""
    for number, how, refused in ((1, "kill", "full"), (2, "stop", "broken")):
        yield Fault(how, ("write", CHECKPOINT, number, "middle"))
        for moment in RENAMES:
            yield Fault(how, ("rename", CHECKPOINT, number, moment))
        yield Fault(refused, ("write", CHECKPOINT, number, "middle"))


def kills_in_exports(bench: Bench) -> Iterator[Fault]:
    """While the files to take away are made: at what Python writes, and a while after it."""
    hows = cycle(("kill", "stop"))
    after = bench.points[bench.points.index(("rename", MANIFEST, 1)) + 1 :]
    for operation, name, number in thinned(after, 2):
        if "events" in name:
            for delay in (0.3, 1.5):
                at = (operation, name, number, "later")
                yield Fault(next(hows), at, exports=True, delay=delay)
        elif operation == "rename" and "/runs/" in name:
            yield Fault(next(hows), (operation, name, number, "before"), exports=True)
    yield Fault("stop", ("rename", MANIFEST, 2, "before"), exports=True)
    yield Fault("kill", ("rename", MANIFEST, 2, "after"), exports=True)


def refusals(bench: Bench) -> Iterator[Fault]:
    """A disk that is full, or broken, at each file that is written, once or from then on."""
    ways = cycle((("full", False), ("full", True), ("broken", True)))
    for operation, name, number in thinned(until_the_report(bench.points), 1):
        for moment in ("before",) if operation == "rename" else ("before", "middle"):
            how, lasting = next(ways)
            yield Fault(how, (operation, name, number, moment), lasting)


def fast(folder: Path, prepared: Path | None = None) -> list[Group]:
    """A few of each kind on the way to the report, in a minute.

    Args:
        prepared: home in which the tiny backbone is prepared already.
    """
    quick = lay_out(folder / "quick", "quick", exports=False, prepared=prepared)
    killed, refused = ([*found] for found in (kills(quick), refusals(quick)))
    return [
        grouped("worker killed", (tried(quick, f) for f in _some(killed, FEW))),
        grouped("disk full or broken", (tried(quick, f) for f in _some(refused, FEW // 2))),
    ]


def _some(found: list[Fault], most: int) -> list[Fault]:
    """So many from all over, the last among them: it is the manifest's."""
    ours = [fault for fault in found if fault.point[1].startswith("home/runs/")]
    return ours[:: -max(1, len(ours) // most)][:most]


def whole(folder: Path, kinds: Sequence[str] = KINDS) -> Iterator[Group]:
    """Strike until all is tried, which takes half an hour; each kind as it is done."""
    if "quick" in kinds:
        quick = lay_out(folder / "quick", "quick", exports=False)
        yield grouped("worker killed, Quick", (tried(quick, f) for f in kills(quick)))
    if "disk" in kinds:
        disk = lay_out(folder / "disk", "quick", exports=False)
        yield grouped("disk full or broken, Quick", (tried(disk, f) for f in refusals(disk)))
    if "web" in kinds:
        yield grouped("web process killed", fault_web.outcomes(folder / "web"))
    if "balanced" in kinds:
        balanced = lay_out(folder / "balanced", "balanced", exports=False)
        some = [*kills(balanced)][::7]
        yield grouped("worker killed, Balanced", (tried(balanced, f) for f in some))
    if "checkpoints" in kinds:
        long = lay_out(folder / "long", "balanced", exports=False, **LONG)
        yield grouped("at a checkpoint, Balanced", (tried(long, f) for f in at_checkpoints()))
    if "exports" in kinds:
        late = lay_out(folder / "exports", "quick", exports=True)
        yield grouped("worker killed in exports", (tried(late, f) for f in kills_in_exports(late)))


def show(groups: list[Group], *, done: bool) -> None:
    """Print what was found as one line of JSON; it passes once all is done and nothing lost."""
    said = [vars(group) | {"lost": group.lost} for group in groups]
    passed = done and not any(group.lost for group in groups)
    print(json.dumps({"faults": said, "pass": passed}), flush=True)


def main() -> int:
    """Strike, and print what became of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fast", action="store_true", help="a few of each kind, in a minute")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    groups: list[Group] = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for group in fast(root) if asked.fast else whole(root, asked.kinds):
            groups.append(group)
            if asked.json:  # so that whoever stops it has what was tried
                show(groups, done=False)
    passed = not any(group.lost for group in groups)
    if asked.json:
        show(groups, done=True)
    else:
        for group in groups:
            print(f"{group.name:28} tried {group.tried:3}  lost {group.lost}")
            print("\n".join(group.troubles), end="\n" if group.troubles else "")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
