"""The cluster that vitnas starts itself cannot be reached from other machines."""

from __future__ import annotations

import subprocess
import sys

import pytest

LISTENING = """
import os, re
from pathlib import Path
import ray
from vitnas.workers._ray_cluster import joined
from vitnas.workers.settings import WorkerSettings

def address(text):
    return ".".join(str(byte) for byte in reversed(bytes.fromhex(text.split(":")[0][-8:])))

with joined(WorkerSettings(number=1, ray="local")):
    ray.get(ray.remote(lambda: 1).remote())
    texts = [Path("/proc/net", name).read_text() for name in ("tcp", "tcp6")]
    tables = [line.split() for text in texts for line in text.splitlines()]
    listening = {row[9]: address(row[1]) for row in tables if row[3] == "0A"}
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    found = []
    for pid in parents:
        above = pid
        while above in parents and above != os.getpid():
            above = parents[above]
        if above == os.getpid():
            for link in Path(f"/proc/{pid}/fd").iterdir():
                socket = re.fullmatch(r"socket:.(\\d+).", os.readlink(link)) if link.is_symlink() else None
                if socket and socket[1] in listening:
                    found.append(listening[socket[1]])
print(*found)
"""


@pytest.mark.slow
def test_a_cluster_of_our_own_listens_on_this_machine_only() -> None:
    pytest.importorskip("ray")
    done = subprocess.run([sys.executable, "-c", LISTENING], capture_output=True, text=True, check=True)
    found = done.stdout.split()
    assert len(found) >= 3 and set(found) == {"127.0.0.1"}
