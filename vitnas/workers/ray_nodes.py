"""One task on each node of a Ray cluster: what the nodes say of themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from vitnas.workers import _ray_cluster as cluster
from vitnas.workers import node_report
from vitnas.workers.node_report import Node
from vitnas.workers.settings import WorkerSettings

_RAY: Any = ray  # parts of it have no types
ANSWER_S = 90.0  # a node starts a process, which imports what it is asked for


def ask_nodes(address: str, *arguments: Any) -> list[Node]:
    """Call `node_report.report` on every live node; it travels by value, so vitnas need not be there.

    Args:
        address: ``local``, ``auto`` or ``HOST:PORT``.
        arguments: of the report.

    Raises:
        InvalidInput: no address.
        ClusterError: nobody answers, or what answers has other versions.
    """
    _RAY.cloudpickle.register_pickle_by_value(node_report)
    try:
        with cluster.joined(WorkerSettings(ray=address)):
            remote = ray.remote(node_report.report)
            here = ray.get_runtime_context().get_node_id()
            calls = []
            for node in _RAY.nodes():
                if node["Alive"]:
                    pinned = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
                    # no share of the node: it may be busy, or be given none
                    options = {"num_cpus": 0, "max_retries": 0, "scheduling_strategy": pinned}
                    calls.append((node, remote.options(**options).remote(*arguments)))
            ray.wait([call for _, call in calls], num_returns=len(calls), timeout=ANSWER_S)
            return [_node(node, call, here) for node, call in calls]
    finally:
        _RAY.cloudpickle.unregister_pickle_by_value(node_report)


def _node(node: Mapping[str, Any], call: Any, here: str) -> Node:
    facts: dict[str, Any] = {}
    problem = ""
    try:
        facts = ray.get(call, timeout=0)
    except GetTimeoutError:
        problem = f"it gave no answer within {ANSWER_S:.0f} s"
    except RayError as error:
        problem = str(error).strip().splitlines()[-1]
    cpus, gpus = (float(node["Resources"].get(name, 0)) for name in ("CPU", "GPU"))
    return Node(str(node["NodeManagerAddress"]), node["NodeID"] == here, cpus, gpus, facts, problem)
