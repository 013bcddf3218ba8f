"""Which machines of a Ray cluster are given work: those that are alive and have what it needs."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field

NODE = "ray.io/node-id"
"""The label by which Ray itself tells its nodes apart."""


@dataclass(frozen=True)
class UnreachableNode:
    """A machine that does not have what it needs for what it was given, such as the job's folder.

    Attributes:
        node: as Ray names it.
        name: as its owner does.
    """

    node: str
    name: str

    @classmethod
    def here(cls) -> UnreachableNode:
        """The machine that this task runs on."""
        import ray

        return cls(ray.get_runtime_context().get_node_id(), socket.gethostname())


@dataclass
class Machines:
    """The machines of the cluster, and which of them have shown that they lack what is needed."""

    _strangers: dict[str, str] = field(default_factory=dict)

    def able(self) -> list[dict[str, float]]:
        """What each has that may be given work, whoever uses it, as Ray says it."""
        import ray

        return [
            node["Resources"]
            for node in ray.nodes()
            if node["Alive"] and node["NodeID"] not in self._strangers
        ]

    def any_able(self) -> bool:
        """Whether one is there that may do jobs."""
        return any(machine.get("CPU") for machine in self.able())

    def avoid(self, stranger: UnreachableNode) -> None:
        """Give it nothing to do any more."""
        self._strangers[stranger.node] = stranger.name

    @property
    def avoided(self) -> str:
        """Names of those to avoid, as a list for people; empty if there are none."""
        return ", ".join(sorted(set(self._strangers.values())))

    @property
    def selector(self) -> dict[str, str]:
        """Ray's `label_selector` that keeps tasks from those to avoid."""
        return {NODE: f"!in({','.join(sorted(self._strangers))})"} if self._strangers else {}
