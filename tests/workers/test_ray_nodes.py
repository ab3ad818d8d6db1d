"""A real cluster of two nodes on this machine."""

from __future__ import annotations

import pytest

pytest.importorskip("ray")

import ray
from ray.cluster_utils import Cluster

from vitnas.errors import ClusterError, InvalidInput
from vitnas.workers.ray_nodes import ask_nodes


@pytest.fixture(scope="module")
def cluster():
    small = {"num_cpus": 1, "object_store_memory": 80 << 20, "include_dashboard": False}
    started = Cluster(initialize_head=True, head_node_args=small)
    started.add_node(num_cpus=3, object_store_memory=80 << 20)
    try:
        yield started
    finally:
        started.shutdown()


def test_every_node_is_asked(cluster, tmp_path):
    (tmp_path / "token").write_text("abc")
    arguments = (("vitnas", "no-such-package"), str(tmp_path), "abc")
    nodes = ask_nodes(cluster.address, *arguments)
    assert not ray.is_initialized()  # left as it was
    assert sorted(node.cpus for node in nodes) == [1, 3]
    assert [node.is_here for node in nodes].count(True) == 1
    for node in nodes:
        assert not node.problem
        assert node.facts["versions"] == {**node.facts["versions"], "no-such-package": None}
        assert node.facts["folder"]["shared"] and node.facts["folder"]["writable"]
    assert len(list(tmp_path.glob("from-*"))) == 2  # two processes


def test_a_node_that_cannot_answer_says_why(cluster):
    nodes = ask_nodes(cluster.address, ("",))  # no name of a package
    assert [node.facts for node in nodes] == [{}, {}]
    assert all(node.problem.startswith("ValueError: ") for node in nodes)


def test_no_cluster():
    with pytest.raises(InvalidInput, match="expected local, auto or an address"):
        ask_nodes("here")
    with pytest.raises(ClusterError, match="Connection refused"):
        ask_nodes("127.0.0.1:1")
