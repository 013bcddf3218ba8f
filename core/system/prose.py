"""Counts, lists, durations and sizes as prose."""

from collections.abc import Sequence


def count(number: int, noun: str = "picture", plural: str = "") -> str:
    """`1 picture`, `1,200 pictures`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def listed(names: Sequence[str], most: int = 3) -> str:
    """Some names: `ant`, `ant and bee`, `ant, bee, cow and 4 more`."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def duration(seconds: float) -> str:
    """`under 1 s`, `38 s`, `2.5 min`, `1 h 20 min`."""
    if seconds < 1:
        return "under 1 s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 285:
        return f"{round(seconds / 30) / 2:g} min"
    hours, minutes = divmod(round(seconds / 60), 60)
    return " ".join([f"{hours} h"] * bool(hours) + [f"{minutes} min"] * bool(minutes))


def size(number: float) -> str:
    """Bytes as `42 bytes`, `0.3 kB`, `1.8 MB`, `310 MB` or `1.9 GB`."""
    if number < 100:
        return count(round(number), "byte")
    for unit in ("kB", "MB", "GB"):
        number /= 1024
        if number < 1000 or unit == "GB":
            break
    return f"{number:.{1 if number < 10 else 0}f} {unit}"
