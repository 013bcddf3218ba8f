"""Which machines of a Ray cluster can be given work."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field

NODE = "ray.io/node-id"
"""The label that Ray gives each node."""


@dataclass(frozen=True)
class UnreachableNode:
    """A machine that does not reach what a task needs, such as the folder of a job.

    Attributes:
        node: id in Ray.
        name: host name.
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
    """The machines of the cluster, and which of them to avoid."""

    _avoided: dict[str, str] = field(default_factory=dict)

    def able(self) -> list[dict[str, float]]:
        """Resources of each machine that can be given work, in use or not, as Ray names them."""
        import ray

        return [
            node["Resources"]
            for node in ray.nodes()
            if node["Alive"] and node["NodeID"] not in self._avoided
        ]

    def any_able(self) -> bool:
        """Whether any machine can do jobs."""
        return any(machine.get("CPU") for machine in self.able())

    def avoid(self, machine: UnreachableNode) -> None:
        """Give a machine no more work."""
        self._avoided[machine.node] = machine.name

    @property
    def avoided(self) -> str:
        """Names of the machines to avoid, comma-separated."""
        return ", ".join(sorted(set(self._avoided.values())))

    @property
    def selector(self) -> dict[str, str]:
        """Ray's `label_selector` that keeps tasks off the machines to avoid."""
        return {NODE: f"!in({','.join(sorted(self._avoided))})"} if self._avoided else {}
