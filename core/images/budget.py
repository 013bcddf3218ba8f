"""Limits of pixels: of one picture, and a budget of those that one process decodes at a time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import BadImage, NotEnoughResources
from core.settings import Settings
from core.system import files, malloc

# Limits of what a decoder may spend on one picture, measured with Pillow 13 on 25 million pixels.
SCAN_PIXELS = 600_000_000  # pixels × scans of a progressive JPEG, or frames of AVIF and HEIC
# Share of the pixel limit for decoders that keep several copies.
SHARES = {"WEBP": 0.5, "AVIF": 0.7}
LONGEST_EDGE = 65_535  # the most that JPEG allows
PATIENCE_SECONDS = 15.0
WITHOUT_WAITING = 1 / 500
"""Share of the budget below which a picture, such as a thumbnail, never waits."""
LARGE = 4_000_000
"""Pixels of pictures whose memory is returned to the system at once."""
AT_ONCE = 1.1
LARGE_FILE = 8_000_000
"""Bytes of files of which one at a time is in memory."""
BUSY = "This host is busy with other large pictures. Try again in a minute."


def check_size(size: tuple[int, int], limits: Settings, kind: str = "", *, times: int = 1) -> None:
    """Check width and height against the pixel limit of a format, or some times that limit.

    Raises:
        BadImage: there are more pixels than allowed.
    """
    if max(size) > LONGEST_EDGE:
        raise BadImage(
            f"Pictures may be up to {LONGEST_EDGE:,} pixels wide and high; this one has "
            f"{size[0]:,} × {size[1]:,}. Make it smaller."
        )
    most = limits.picture_pixels * SHARES.get(kind, 1) * times
    if area(size) > most:
        raise BadImage(
            f"Pictures like this may have up to {most / 1e6:g} million pixels; this one has "
            f"{size[0]} × {size[1]}. Make it smaller, or raise "
            f"{Settings.variable('picture_pixels')}."
        )


def area(size: tuple[int, int]) -> int:
    """Width times height."""
    return size[0] * size[1]


class Budget:
    """Pixels that may be decoded at once; a picture waits until the others have room for it."""

    def __init__(self) -> None:
        self._file = threading.Lock()
        self._changed = threading.Condition()
        self._held = 0.0
        self._most: float | None = None

    def start(self, settings: Settings) -> None:
        """Decode a little more than the largest picture at once: about 10 bytes per pixel."""
        self._most = AT_ONCE * settings.picture_pixels

    @contextmanager
    def hold_file(self, source: bytes | Path) -> Iterator[None]:
        """Wait for others before a large file is read; bytes are in memory already.

        Taken before pixels are, so that those who hold pixels never wait for it.

        Raises:
            NotEnoughResources: the others take too long.
        """
        size = 0 if isinstance(source, bytes) else files.modified(source)[1]
        if self._most is None or size <= LARGE_FILE:
            yield
            return
        if not self._file.acquire(timeout=PATIENCE_SECONDS):
            raise NotEnoughResources(BUSY)
        try:
            yield
        finally:
            self._file.release()

    @contextmanager
    def hold(self, pixels: float) -> Iterator[None]:
        """Take pixels from the budget for the block.

        Raises:
            NotEnoughResources: others have taken too much of it for too long.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._has_room(pixels), PATIENCE_SECONDS):
                raise NotEnoughResources(BUSY)
            self._held += pixels
        try:
            yield
        finally:
            if self._most and pixels > LARGE:
                malloc.trim()
            with self._changed:
                self._held -= pixels
                self._changed.notify_all()

    def _has_room(self, pixels: float) -> bool:
        if self._most is None or pixels <= WITHOUT_WAITING * self._most:
            return True
        return not self._held or self._held + pixels <= self._most


BUDGET = Budget()
"""Without a limit except in the web process: a worker knows how many pictures it decodes."""
