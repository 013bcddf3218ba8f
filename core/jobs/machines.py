"""Which machines of a Ray cluster do jobs: those that are alive and have the folder of the runs."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field

NODE = "ray.io/node-id"
"""The label by which Ray itself tells its nodes apart."""


@dataclass(frozen=True)
class Stranger:
    """A machine that does not have the folder of a job it was given.

    Attributes:
        node: as Ray names it.
        name: as its owner does.
    """

    node: str
    name: str

    @classmethod
    def here(cls) -> Stranger:
        """The machine that this task runs on."""
        import ray

        return cls(ray.get_runtime_context().get_node_id(), socket.gethostname())


@dataclass
class Machines:
    """The machines of the cluster, and which of them have shown that they can do no job."""

    _strangers: set[str] = field(default_factory=set)

    def able(self) -> list[dict[str, float]]:
        """What each that may do jobs has, whoever uses it, as Ray says it."""
        import ray

        return [
            node["Resources"]
            for node in ray.nodes()
            if node["Alive"] and node["NodeID"] not in self._strangers
        ]

    def there(self) -> bool:
        """Whether one is there that does jobs."""
        return any(machine.get("CPU") for machine in self.able())

    def avoid(self, stranger: Stranger) -> None:
        """Give it no job any more."""
        self._strangers.add(stranger.node)

    @property
    def selector(self) -> dict[str, str]:
        """Ray's `label_selector` that keeps jobs from those to avoid."""
        return {NODE: f"!in({','.join(sorted(self._strangers))})"} if self._strangers else {}
