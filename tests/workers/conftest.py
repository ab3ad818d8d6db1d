from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from vitnas.workers import Processes, Serial, WorkerSettings, make_workers

HELPER = '''
import os
import sys
import time
from pathlib import Path


def die_once(path):
    """Kills its process the first time, and answers the second."""
    mark = Path(path)
    if mark.exists():
        return "second"
    mark.touch()
    os._exit(3)


def hang_once(path):
    """Hangs the first time, and answers the second."""
    mark = Path(path)
    if mark.exists():
        return "second"
    mark.touch()
    time.sleep(100)


def poison(item):
    """One item ends its process, one hangs."""
    if item == 7:
        os._exit(3)
    if item == 11:
        time.sleep(100)
    return item * item


def pid_of(item):
    time.sleep(item)
    return os.getpid()


def say(text):
    print(text, file=sys.stderr)


def threads(item):
    import torch

    return torch.get_num_threads(), os.environ["OMP_NUM_THREADS"]


def unsendable(item):
    return lambda: item


def plugin_module(item):
    """Of a proxy that is named, and what its docstring says."""
    import inspect

    from vitnas import plugins

    found = plugins.load_plugin("proxy", item)
    return found.__module__, found.__doc__, inspect.getsource(found).splitlines()[0]


class Unpickled:
    """Counts in a file how often it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __setstate__(self, state):
        self.__dict__ = state
        with open(self.path, "a") as file:
            file.write("x")


def keep(shared, item):
    return item


def needs(package):
    from vitnas.errors import missing_extra

    raise missing_extra(package, "extra")
'''


@pytest.fixture(scope="session")
def helper(tmp_path_factory):
    """A module that workers can import: they inherit the path."""
    folder = tmp_path_factory.mktemp("helper")
    (folder / "helper.py").write_text(HELPER)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield importlib.import_module("helper")
    del sys.modules["helper"]


@pytest.fixture(scope="session")
def cluster(helper):
    """A cluster of one node on this machine."""
    pytest.importorskip("ray", reason="Ray workers need the extra: pip install 'vitnas[ray]'")
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 2, "object_store_memory": 80 << 20, "include_dashboard": False}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(helper.__file__).parent))  # of what the nodes start
        started = Cluster(initialize_head=True, head_node_args=head)
        try:
            yield started
        finally:
            started.shutdown()


@pytest.fixture(scope="module")
def on_ray(cluster):
    """Two actors."""
    with make_workers(WorkerSettings(number=2, ray=cluster.address, timeout_s=10)) as workers:
        yield workers


@pytest.fixture(scope="module")
def two(helper):
    """Two processes."""
    with Processes(2) as workers:
        yield workers


@pytest.fixture(params=["serial", "processes", "ray"])
def workers(request):
    """All kinds."""
    if request.param == "serial":
        return Serial()
    return request.getfixturevalue("two" if request.param == "processes" else "on_ray")
