"""From an unsorted pile to a dataset: seconds to the first groups and per step, and answers needed.

    python -m benchmarks.pile --datasets FOLDER
    python -m benchmarks.pile --datasets flowers5.zip --pictures 800

Pictures are drawn at random from the class folders of zips, and their folders are dropped. A worker
process takes them in, with an empty `TUSKER_HOME`. Then a simulated visitor labels the test set,
looks at the 12 most and the 4 least typical pictures of each group, names it if 4 in 5 of them show
one class, else splits it, and skips small mixed groups. Afterwards it answers questions correctly.

Accuracy is that of all test pictures, compared with the same head on the correct labels of all
other pictures. Each name, split, skip and answer counts as one answer; those for the test set do
not.
"""

import resource
import sys
import tempfile
import time
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import numpy as np

from benchmarks import jobs
from benchmarks.report import Figure, argument_parser, show
from core import backbones, labelling
from core.jobs import JobFolder, State
from core.jobs.folder import JobSpec
from core.jobs.workers import WORKER
from core.labelling import Labels, Learned, learn
from core.settings import Settings

TYPICAL, UNTYPICAL = 12, 4
SAME = 0.8
SMALL = 8
SHARES = (0.9, 0.95, 0.98, 0.99)
READABLE = (".jpg", ".jpeg", ".png")


class Visitor:
    """A visitor who knows the class of each picture and times what the page does for each step."""

    def __init__(self, labels: Labels, truth: dict[str, str]) -> None:
        self.labels = labels
        pictures = labels.pile.pictures
        self.actual = [truth[picture.name] for picture in pictures]
        self.seconds: defaultdict[str, list[float]] = defaultdict(list)
        self.curve: list[float] = []

    @contextmanager
    def step(self, kind: str) -> Iterator[None]:
        """Time a step with what the page computes after it, and note the accuracy."""
        began = time.perf_counter()
        yield
        self.labels = Labels(self.labels.pile)
        self.labels.unnamed()
        learned = learn(self.labels)
        if learned is not None:
            learned.doubtful(self.labels)
        self.seconds[kind].append(time.perf_counter() - began)
        if kind not in ("test", "regroup"):
            self.curve.append(self.accuracy(learned))

    def accuracy(self, learned: Learned | None) -> float:
        """Share of all test pictures that are predicted correctly."""
        if learned is None:
            return 0.0
        test = list(self.labels.pile.test)
        predicted = learned.probabilities[test].argmax(axis=1)
        named = zip(test, predicted, strict=True)
        return float(np.mean([learned.classes[index] == self.actual[p] for p, index in named]))

    def answer_test(self) -> None:
        """Label the test pictures one by one."""
        while unlabelled := self.labels.untested():
            with self.step("test"):
                self.labels.label(unlabelled[:1], self.actual[unlabelled[0]], single=True)

    def name_groups(self, most: int) -> None:
        """Name, split or skip each group."""
        skipped: set[int] = set()
        while len(self.curve) < most:
            groups = [item for item in self.labels.unnamed() if item[0] not in skipped]
            if not groups:
                return
            node, members = groups[0]
            few = len(members) <= TYPICAL + UNTYPICAL
            shown = members if few else members[:TYPICAL] + members[-UNTYPICAL:]
            name, count = Counter(self.actual[picture] for picture in shown).most_common(1)[0]
            if count >= SAME * len(shown):
                with self.step("name a group"):
                    self.labels.label(members, name, single=False)
            elif len(members) > SMALL:
                with self.step("split a group"):
                    self.labels.split(node)
            else:
                skipped.add(node)
                with self.step("skip a group"):
                    self.labels.skip(members)

    def answer(self, most: int, enough: float) -> None:
        """Answer questions until the accuracy is high enough."""
        while len(self.curve) < most and max(self.curve) < enough:
            learned = learn(self.labels)
            doubtful = learned.doubtful(self.labels) if learned is not None else []
            if not doubtful:
                return
            with self.step("answer a question"):
                self.labels.label(doubtful[:1], self.actual[doubtful[0]], single=True)


def pack(zips: list[Path], count: int, target: Path) -> dict[str, str]:
    """Write a zip of pictures without folders; returns the class of each."""
    entries = []
    for path in zips:
        with zipfile.ZipFile(path) as archive:
            for name in sorted(archive.namelist()):
                if name.lower().endswith(READABLE):
                    entries.append((path, name))
    chosen = np.random.default_rng(0).permutation(len(entries))[:count]
    truth: dict[str, str] = {}
    with zipfile.ZipFile(target, "w") as out:
        for path in zips:
            with zipfile.ZipFile(path) as archive:
                for index in chosen:
                    if entries[index][0] == path:
                        entry = PurePosixPath(entries[index][1])
                        file = f"{index:06}{entry.suffix}"
                        truth[file] = f"{path.stem} {entry.parent.name}"
                        out.writestr(file, archive.read(str(entry)))
    return truth


def ingest(source: Path, settings: Settings) -> tuple[labelling.Pile, float, float]:
    """Have a worker ingest a pile.

    Returns:
        The pile, the seconds until its groups are there, and the CPU seconds until then.
    """
    path = settings.home / "uploads" / ("0" * 32)
    path.mkdir(parents=True)
    job = JobFolder(path)
    arguments = {"source": str(source), "name": source.stem, "unsorted": True}
    job.open(JobSpec(kind="intake", arguments=arguments))
    began, used = time.perf_counter(), _children()
    with job.log_path.open("ab") as log:
        jobs.start(WORKER, str(path), settings=settings, stdout=log, stderr=log).wait()
    if job.recorded().state is not State.FINISHED:
        raise SystemExit(job.recorded().sentence)
    pile = labelling.load(path)
    Labels(pile).unnamed()
    return pile, time.perf_counter() - began, _children() - used


def _children() -> float:
    """CPU seconds of the child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(zips: list[Path], count: int, most: int, folder: Path) -> dict[str, Figure]:
    """Take pictures in, label them as a visitor would, and compare with the correct labels."""
    settings = jobs.new_home(folder / "home", archive_megabytes=2_000)
    jobs.prepare(backbones.DEFAULT, settings)
    truth = pack(zips, count, folder / "pile.zip")
    pile, seconds, used = ingest(folder / "pile.zip", settings)
    visitor = Visitor(Labels(pile), truth)
    correct = Labels(pile.model_copy(update={"folder": folder}))
    for name in sorted(set(visitor.actual)):
        others = [p for p in pile.others.tolist() if visitor.actual[p] == name]
        correct.label(others, name, single=True)
    full = visitor.accuracy(learn(correct))
    visitor.answer_test()
    with visitor.step("regroup"):
        visitor.labels.regroup(len(visitor.labels.groups))
    visitor.name_groups(most)
    named = len(visitor.curve), visitor.curve[-1]
    visitor.answer(most, SHARES[-1] * full)
    figures = {
        "pictures": Figure(len(pile.pictures)),
        "test pictures": Figure(len(pile.test)),
        "classes": Figure(len(set(visitor.actual))),
        "seconds to the first groups": Figure(seconds, at_most=40),
        "seconds of a core until then": Figure(used),
    }
    for kind, of_kind in visitor.seconds.items():
        figures[f"{kind}: median seconds"] = Figure(float(np.median(of_kind)))
        figures[f"{kind}: most seconds"] = Figure(max(of_kind), at_most=1)
    figures |= {
        "accuracy with all labels, %": Figure(100 * full),
        "answers until all groups are named": Figure(named[0]),
        "accuracy then, %": Figure(100 * named[1]),
    }
    return figures | {
        f"answers to {100 * share:g} % of that accuracy": Figure(
            next((n for n, value in enumerate(visitor.curve, 1) if value >= share * full), None)
        )
        for share in SHARES
    }


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; the exit code is 1 if a required value is missed."""
    parser = argument_parser(__doc__)
    parser.add_argument("--datasets", type=Path, required=True, help="zip, or folder with zips")
    parser.add_argument("--pictures", type=int, default=2_000)
    parser.add_argument("--answers", type=int, default=200, help="most answers to give")
    options = parser.parse_args(arguments)
    path: Path = options.datasets
    zips = sorted(path.glob("*.zip")) if path.is_dir() else [path]
    with tempfile.TemporaryDirectory(prefix="tusker-") as folder:
        figures = measure(zips, options.pictures, options.answers, Path(folder))
    return show(figures, as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
