"""Files that browsers upload to pages: accepted if a page asked for them, counted, on the disk."""

import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import BadInput, LimitExceeded, NotEnoughResources
from core.settings import MEGABYTE, Settings
from core.system import capacity, files


class NotOffered(BadInput):
    """No uploader of this session has asked for this file."""


class Arrivals:
    """The uploaded files of each session.

    A file is deleted once its uploader drops it, unless a page keeps it.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.most = settings.archive_entries
        """Largest number of files that a session may be allowed to upload at a time."""
        self._lock = threading.Lock()
        self._sizes: dict[str, dict[str, int]] = defaultdict(dict)
        self._kept: dict[str, frozenset[str]] = {}
        self._dropped: dict[str, set[str]] = defaultdict(set)
        home = settings.home / "arriving"
        try:
            home.mkdir(parents=True, exist_ok=True)
            oldest = time.time() - settings.upload_hours * 3600
            for stale in home.iterdir():  # by processes that were killed
                if files.modified(stale)[0] / 1e9 < oldest:
                    files.remove(stale)
            self._folder = tempfile.TemporaryDirectory(dir=home)  # deleted when the process ends
        except OSError:  # the pages say that nothing can be stored
            self._folder = tempfile.TemporaryDirectory(prefix="tusker-")

    def offer(self, session: str, ids: Iterable[str]) -> None:
        """Allow these files to arrive in a session."""
        with self._lock:
            sizes = self._sizes[session]
            for file in ids:
                sizes.setdefault(file, 0)
            empty = [file for file, size in sizes.items() if not size]
            for file in empty[: max(0, len(sizes) - self.most)]:
                del sizes[file]

    @contextmanager
    def receive(self, session: str, file: str) -> Iterator[Path]:
        """A path for the content of a file; the file is dropped if the block raises.

        Raises:
            NotOffered: the file was not offered to the session.
        """
        with self._lock:
            if file not in self._sizes.get(session, ()):
                raise NotOffered("Expected a file that the page has asked for.")
        try:
            path = Path(self._folder.name) / file
            path.parent.mkdir(exist_ok=True)  # another process may have deleted it as stale
            yield path
        except BaseException:
            with self._lock:
                self._kept[session] = self._kept.get(session, frozenset()) - {file}
            self.drop(session, file)
            raise

    def count(self, session: str, file: str, size: int) -> None:
        """Count a file's bytes so far, before they are written.

        Raises:
            LimitExceeded: the file or the session is larger than this host allows.
            NotEnoughResources: this host has no space for more uploads.
        """
        settings = self._settings
        largest = max(settings.archive_megabytes, settings.picture_megabytes) * MEGABYTE
        if size > largest + MEGABYTE:  # the frame around the file is part of it
            raise LimitExceeded(f"Expected at most {largest // MEGABYTE} MB per file, found more.")
        with self._lock:
            sizes = self._sizes.get(session)
            if sizes is None or file not in sizes:
                raise NotOffered("The visitor has left.")
            sizes[file] = size
            if sum(sizes.values()) > 2 * largest + MEGABYTE:
                raise LimitExceeded(
                    f"This host keeps at most {2 * largest // MEGABYTE} MB of uploads per page. "
                    "Reload the page; the host can raise "
                    f"{settings.variable('archive_megabytes')}."
                )
            total = sum(sum(session_sizes.values()) for session_sizes in self._sizes.values())
        if total > settings.arriving_megabytes * MEGABYTE:
            raise NotEnoughResources("This host has no room for more uploads. Try again later.")
        capacity.require_disk(Path(self._folder.name))

    def path(self, file: str) -> Path | None:
        """The content of a file that has arrived; None for a file that the page holds itself."""
        path = Path(self._folder.name) / file
        return path if path.is_file() else None

    def keep(self, session: str, ids: Iterable[str]) -> None:
        """Keep these files even if their uploader drops them, instead of those kept before."""
        with self._lock:
            if session not in self._sizes:
                return  # the visitor has left
            self._kept[session] = frozenset(ids)
            dropped = self._dropped.pop(session, set())
        for file in dropped:
            self.drop(session, file)

    def drop(self, session: str, file: str | None = None) -> None:
        """Delete a file as soon as no page keeps it, or all files of a session at once."""
        with self._lock:
            if file is None:
                deleted = [*self._sizes.pop(session, {})]
                self._kept.pop(session, None)
                self._dropped.pop(session, None)
            elif file in self._kept.get(session, ()):
                self._dropped[session].add(file)
                return
            else:
                deleted = [file] if file in self._sizes.get(session, {}) else []
                for name in deleted:
                    del self._sizes[session][name]
        for name in deleted:
            (Path(self._folder.name) / name).unlink(missing_ok=True)
