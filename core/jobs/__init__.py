"""Start, watch and cancel work that is too heavy for the web process."""

from core.jobs.folder import JobFolder, State, Status
from core.jobs.local import cancel, enqueue, position, recover

__all__ = ["JobFolder", "State", "Status", "cancel", "enqueue", "position", "recover"]
