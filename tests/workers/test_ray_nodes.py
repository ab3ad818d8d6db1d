"""A real cluster of two nodes on this machine."""

from __future__ import annotations

import pytest

pytest.importorskip("ray")

import ray
from ray.cluster_utils import Cluster

from vitnas.errors import ClusterError, InvalidInput
from vitnas.workers import node_report
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
    nodes = ask_nodes(cluster.address, node_report, node_report.report, arguments)
    assert not ray.is_initialized()  # left as it was
    assert sorted(node.resources["CPU"] for node in nodes) == [1, 3]
    assert [node.is_here for node in nodes].count(True) == 1
    for node in nodes:
        assert not node.problem
        assert node.answer["versions"] == {**node.answer["versions"], "no-such-package": None}
        assert node.answer["folder"]["shared"] and node.answer["folder"]["writable"]
    assert len(list(tmp_path.glob("from-*"))) == 2  # two processes


def test_a_node_that_cannot_answer_says_why(cluster):
    nodes = ask_nodes(cluster.address, node_report, node_report.report, (("",),))  # no name of a package
    assert [node.answer for node in nodes] == [None, None]
    assert all(node.problem.startswith("ValueError: ") for node in nodes)


def test_no_cluster():
    with pytest.raises(InvalidInput, match="expected local, auto or an address"):
        ask_nodes("here", node_report, node_report.report, ())
    with pytest.raises(ClusterError, match="Connection refused"):
        ask_nodes("127.0.0.1:1", node_report, node_report.report, ())
