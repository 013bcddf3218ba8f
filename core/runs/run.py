"""One run folder: its contents, and when it is complete."""

import contextlib
from collections.abc import Collection
from pathlib import Path

from core import __version__
from core.dataset.fingerprints import Fingerprints
from core.jobs import scheduling
from core.jobs.events import Epoch, Event, Kept, Note
from core.jobs.folder import EVENTS, LOG, PRIVATE, JobFolder, State, Status
from core.model import storage
from core.runs import filenames
from core.runs.artifacts import RunArtifacts
from core.runs.manifest import Manifest
from core.settings import Settings
from core.system import files, prose, visitors

SAMPLE = Path(__file__).parents[1] / "data" / "d1610000000000000000000000000000"
"""A finished run on handwritten digits; `python -m core.pipeline.sample_run` makes it."""

EXPORT_JOB = "export-"
"""Prefix of the folder of the export job; the run's id follows."""
OWNED = (filenames.ANNOTATIONS, filenames.ANNOTATIONS_LOCK, visitors.OWNER, filenames.PUBLISHED)
"""Files of the owner, which the manifest does not list."""
SUFFIXES = (".json", ".npy", ".npz", "")
"""Of results beside the folders of the model and the thumbnails."""
REQUEST = (filenames.CONFIG, filenames.DATASET, filenames.FINDINGS, filenames.ORIGIN)
"""Files from which a training starts."""
BUNDLED = {
    filenames.VERIFICATION: "How each exported file answered when it was opened again",
    filenames.REPORT: "The report, as JSON",
    filenames.CONFIG: "The settings, to train the same again",
}
"""Files that a bundle takes from the run folder, with what each is for."""


class Run(RunArtifacts):
    """One run folder and its contents."""

    @property
    def exists(self) -> bool:
        """Whether the folder holds a run."""
        return (self.path / filenames.CONFIG).is_file()

    @property
    def model_folder(self) -> Path:
        """Folder of `model.json`, the weights and the exports."""
        return self.path / filenames.MODEL_FOLDER

    def status(self, settings: Settings) -> Status:
        """The current status of the job.

        Raises:
            FileNotFoundError: the run is complete and was not trained here, or it was deleted.
        """
        try:
            return scheduling.status(self.job, settings)
        except FileNotFoundError:
            if self.complete or not self.exists:
                raise
            at = (self.path / filenames.CONFIG).stat().st_mtime
            sentence = "It was interrupted before it was in the queue. Train on the pictures again."
            return Status(
                state=State.INTERRUPTED, kind="train", sentence=sentence, queued_at=at, ended_at=at
            )

    def at_work(self, settings: Settings) -> bool:
        """Whether the job is queued or running."""
        return scheduling.at_work(self.job, settings)

    @property
    def export_job(self) -> JobFolder:
        """The job that prepares exports of this run; it need not exist."""
        return JobFolder(self.path / f"{EXPORT_JOB}{self.id}")

    @property
    def pictures(self) -> Path | None:
        """Folder of the pictures that the run trains on; None once they are deleted."""
        pictures = self._argument("pictures")
        return pictures if pictures and pictures.is_dir() else None

    @property
    def start(self) -> Path | None:
        """Folder of the model that the training continues from; None for none."""
        return self._argument("start")

    @property
    def published(self) -> bool:
        """Whether every visitor of this host sees the run in their lists."""
        return (self.path / filenames.PUBLISHED).is_file()

    def publish(self, *, shown: bool) -> None:
        """Show the run in the lists of every visitor, or only in those of its owner."""
        path = self.path / filenames.PUBLISHED
        with contextlib.suppress(FileNotFoundError):  # another tab discarded the run
            path.touch() if shown else path.unlink()

    def events(self) -> tuple[Event, ...]:
        """The events of the job so far."""
        return self.job.events.read()

    def epochs(self) -> tuple[Epoch, ...]:
        """Every epoch of both phases, in order."""
        return tuple(event for event in self.events() if isinstance(event, Epoch))

    def kept(self) -> tuple[Kept, ...]:
        """Which epoch each phase kept."""
        return tuple(event for event in self.events() if isinstance(event, Kept))

    @property
    def failed_steps(self) -> tuple[str, ...]:
        """What could not be done after the report, in sentences."""
        return tuple(e.sentence for e in self.events() if isinstance(e, Note) and e.lasting)

    def missing_results(self, settings: Settings) -> tuple[str, ...]:
        """Why results of a complete run may be missing that follow the report, in sentences."""
        sentences = [*self.failed_steps]
        listed = ((name, self.path / name) for name in self.manifest().files)
        if lost := [n for n, path in listed if self._is_result(path) and not path.is_file()]:
            have = "file is" if len(lost) == 1 else "files are"
            sentences.append(f"{len(lost):,} {have} missing in its folder: {prose.listed(lost)}.")
        with contextlib.suppress(OSError, ValueError):  # it was not trained here
            state = self.status(settings).state
            if state.ended and state is not State.FINISHED:
                sentences.append(
                    f"The training ended after its report ({state.value}): label issues, the "
                    "learning curve, heat maps or other results may be missing."
                )
        return tuple(sentences)

    @property
    def fine_tuned(self) -> bool:
        """Whether this training fine-tuned the backbone and kept the result."""
        return any(kept.phase == "fine-tune" and kept.epoch for kept in self.kept())

    def bundled_files(self) -> dict[str, Path]:
        """Files of the run that its bundle holds, by name; see `BUNDLED`."""
        paths = {name: self.path / name for name in BUNDLED}
        return {name: path for name, path in paths.items() if path.is_file()}

    def learned(self) -> frozenset[str]:
        """SHA-256 of the pictures that its model learned from.

        Raises:
            RunDamaged: the dataset cannot be read, or the manifest lists other files.
        """
        if self.complete:
            self.check_listed([self.dataset.path, self.model_folder / storage.LEARNED])
        learned = frozenset(e.sha256 for e in self.dataset().examples if e.split != "test")
        return learned | storage.load_learned(self.model_folder)

    def fingerprints(self) -> Fingerprints | None:
        """Fingerprints of the pictures that its model learned from.

        None in runs of earlier versions whose pictures are deleted.
        """
        pictures = self.pictures
        return Fingerprints.load(self.path) or (Fingerprints.load(pictures) if pictures else None)

    def keep_fingerprints(self, pictures: Path) -> None:
        """Copy the fingerprints of the learned pictures from their folder, to keep them."""
        if fingerprints := Fingerprints.load(pictures):
            fingerprints.of_files(self.learned()).save(self.path)

    @property
    def title(self) -> str:
        """The owner's name for the run, or else that of the pictures.

        Raises:
            RunDamaged: the dataset cannot be read.
        """
        return self.annotations().name or self.dataset().name

    def clear(self) -> None:
        """Remove the results of an unfinished training, but not its request and the owner's files.

        Otherwise the manifest of the next attempt would list old results.
        """
        for path in self.path.iterdir():
            if self._is_result(path) and path.name not in REQUEST:
                files.remove(path)

    def complete_with(
        self, name: str, completed_at: float, seconds: float, tusker: str = __version__
    ) -> None:
        """Write the manifest, last and atomically: the run is now complete."""
        paths = (path for path in self.path.rglob("*") if path.is_file())
        results = [path for path in paths if self._is_result(path)]
        self.manifest.write(
            Manifest.of(
                self.path,
                results,
                name=name,
                completed_at=completed_at,
                seconds=seconds,
                tusker=tusker,
            )
        )

    def check_results(self, written: Collection[str]) -> None:
        """Compare the files of a complete run with its manifest, but for those of exports.

        Args:
            written: names of the files and folders that exports write; the verification is one.

        Raises:
            RunDamaged: a file is missing or differs, or the manifest cannot be read.
        """
        of_exports = {filenames.VERIFICATION, *written}
        names = (name for name in self.manifest().files if of_exports.isdisjoint(name.split("/")))
        self.check_files(*(name for name in names if self._is_result(self.path / name)))

    def _argument(self, name: str) -> Path | None:
        """A folder among the arguments of the job; None if there is none of that name."""
        try:
            return Path(self.job.spec().arguments[name])
        except (OSError, ValueError, LookupError):
            return None

    def _is_result(self, path: Path) -> bool:
        parts = path.relative_to(self.path).parts
        hidden = any(part.startswith(".") for part in parts)
        hidden |= parts[0].startswith(EXPORT_JOB)
        # A bundle or a table that somebody wrote here.
        hidden |= len(parts) == 1 and path.suffix not in SUFFIXES
        return not hidden and parts[0] not in (*PRIVATE, *OWNED, EVENTS, LOG, filenames.MANIFEST)
