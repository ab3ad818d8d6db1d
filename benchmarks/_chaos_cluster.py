"""A Ray cluster of several nodes on this machine, whose workers and nodes can be killed."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from pathlib import Path
from random import Random
from typing import Any

MEMORY = 100 * 1024 * 1024  # bytes of each node's object store


class LocalCluster:
    """A head without CPUs, and two nodes with one each."""

    def __init__(self) -> None:
        self.temporary = tempfile.mkdtemp(prefix="vc")  # short: names of sockets are
        os.environ["RAY_TMPDIR"] = self.temporary  # other clusters of this machine stay what "auto" finds
        os.environ["RAY_enable_worker_prestart"] = "0"  # noqa: SIM112 its name is like this
        from ray.cluster_utils import Cluster

        self.cluster = Cluster(
            initialize_head=True,
            head_node_args={"num_cpus": 0, "object_store_memory": MEMORY, "include_dashboard": False},
        )
        self.nodes: list[Any] = [self._node(), self._node()]

    @property
    def address(self) -> str:
        return str(self.cluster.address)

    def _node(self) -> Any:
        return self.cluster.add_node(num_cpus=1, object_store_memory=MEMORY)

    def actors(self) -> list[int]:
        """Process ids of the workers on all nodes."""
        raylets = {node.all_processes["raylet"][0].process.pid for node in self.nodes}
        return [
            pid for pid, parent, name in processes() if parent in raylets and name.startswith("ray::Actor")
        ]

    def lose_node(self, draw: Random) -> None:
        """One node is gone at once, with all its processes."""
        node = self.nodes.pop(draw.randrange(len(self.nodes)))
        self.cluster.remove_node(node, allow_graceful=False)

    def restore(self) -> None:
        """A new node in place of a lost one."""
        while len(self.nodes) < 2:
            self.nodes.append(self._node())

    def close(self) -> None:
        self.cluster.shutdown()
        shutil.rmtree(self.temporary, ignore_errors=True)


def processes() -> list[tuple[int, int, str]]:
    """Process id, parent and command line of all that run."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            state, parent = (folder / "stat").read_text().rsplit(")", 1)[1].split()[:2]
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it has just ended
            continue
        if state != "Z":
            found.append((int(folder.name), int(parent), line))
    return found


def kill(pid: int) -> bool:
    """SIGKILL; whether there was such a process."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True
