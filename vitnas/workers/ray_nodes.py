"""One task on each node of a Ray cluster: what the nodes say of themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from vitnas.workers import _ray_cluster as cluster
from vitnas.workers.settings import WorkerSettings

_RAY: Any = ray  # parts of it have no types
ANSWER_S = 90.0  # a node starts a process, which imports what it is asked for


@dataclass(frozen=True)
class Node:
    """A node of a cluster.

    Attributes:
        address: as the other nodes know it.
        resources: what Ray hands out there, such as ``CPU``.
        is_here: whether it is this machine.
        answer: what the task returned; None if there is no answer.
        problem: why there is none.
    """

    address: str
    resources: Mapping[str, float]
    is_here: bool
    answer: Any
    problem: str


def ask_nodes(
    address: str, module: ModuleType, function: Callable[..., Any], arguments: tuple[Any, ...]
) -> list[Node]:
    """Call a function on every live node.

    Args:
        address: ``local``, ``auto`` or ``HOST:PORT``.
        module: of the function; it travels by value, so it may import what every Python has only.
        function: of that module.
        arguments: of the function.

    Raises:
        InvalidInput: no address.
        ClusterError: nobody answers, or what answers has other versions.
    """
    joined = cluster.join(WorkerSettings(ray=address))
    _RAY.cloudpickle.register_pickle_by_value(module)
    try:
        remote = ray.remote(function)
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
        _RAY.cloudpickle.unregister_pickle_by_value(module)
        if joined:
            cluster.leave()


def _node(node: Mapping[str, Any], call: Any, here: str) -> Node:
    answer, problem = None, ""
    try:
        answer = ray.get(call, timeout=0)
    except GetTimeoutError:
        problem = f"it gave no answer within {ANSWER_S:.0f} s"
    except RayError as error:
        problem = str(error).strip().splitlines()[-1]
    return Node(
        address=str(node["NodeManagerAddress"]),
        resources=dict(node["Resources"]),
        is_here=node["NodeID"] == here,
        answer=answer,
        problem=problem,
    )
