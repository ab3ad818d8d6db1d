"""Measuring built networks on workers, each result a durable line of the log."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from vitnas.arch.schema import Architecture
from vitnas.cost.device import Device
from vitnas.cost.pricer import trace_architecture
from vitnas.cost.table import CostTable
from vitnas.search.evaluation import Evaluation
from vitnas.search.log import EvaluationLog
from vitnas.space.activity import Genomes
from vitnas.workers.base import Failure, Workers


def run_task(task: Mapping[str, Any]) -> Evaluation:
    """What a worker does: build a network, measure it, say what came out."""
    import torch

    from vitnas.quality.health import check_health
    from vitnas.quality.measure import measure

    torch.set_num_threads(1)  # sums depend on how they are split: figures must not depend on the workers
    architecture = Architecture.from_dict(task["architecture"])
    record = Evaluation()
    if task["proxies"]:
        measured = measure(architecture, task["proxies"], seed=task["seed"])
        record["scores"] = dict(measured.scores)
        record["failures"] = dict(measured.failures)
        record["seconds"] = measured.seconds
    if task["health"]:
        record["health"] = check_health(architecture, seed=task["seed"]).to_dict()
        record["out_of_domain"] = _out_of_domain(architecture, task["devices"])
    return record


def _out_of_domain(architecture: Architecture, devices: Sequence[Device]) -> list[str]:
    """Why a device's prediction would be a guess; says which device where there are several."""
    if not devices:
        return []
    traced = trace_architecture(architecture)
    return [
        f"{device.name}: {reason}" if len(devices) > 1 else reason
        for device in devices
        for reason in device.out_of_domain(traced)
    ]


class NetworkBench:
    """Measures networks on workers and remembers them through the log: nothing is measured twice."""

    def __init__(self, table: CostTable, workers: Workers, log: EvaluationLog, seed: int) -> None:
        self.table = table
        self.workers = workers
        self.log = log
        self.seed = seed
        self._known: dict[str, Evaluation] = {r["task"]: cast(Evaluation, r) for r in log.records()}

    def measure(
        self,
        genomes: Genomes,
        proxies: Sequence[str],
        *,
        health: bool = False,
        done: Callable[[int], None] | None = None,
    ) -> list[Evaluation]:
        """An evaluation for each genome (n, G)."""
        architectures = [self.table.space.decode(g) for g in genomes]
        costs = self.table.price(genomes)
        names = [self._task_name(a, proxies, health) for a in architectures]
        missing = [k for k, name in enumerate(names) if name not in self._known and name not in names[:k]]
        tasks = [self._task(architectures[k], proxies, health) for k in missing]
        finished = len(genomes) - len(missing)
        for position, result in self.workers.map(run_task, tasks):
            k = missing[position]
            evaluation = Evaluation(
                task=names[k], id=architectures[k].id, genome=genomes[k].tolist(), costs=costs.row(k)
            )
            if isinstance(result, Failure):
                evaluation["failure"] = result.reason
            else:
                evaluation.update(result)
            self.log.append(evaluation)
            self._known[names[k]] = evaluation
            finished += 1
            if done is not None:
                done(finished)
        return [self._known[name] for name in names]

    def _task(self, architecture: Architecture, proxies: Sequence[str], health: bool) -> dict[str, Any]:
        return {
            "architecture": architecture.to_dict(),
            "proxies": list(proxies),
            "health": health,
            "devices": self.table.devices,
            "seed": self.seed,
        }

    def _task_name(self, architecture: Architecture, proxies: Sequence[str], health: bool) -> str:
        wanted = [*sorted(proxies), *(["health"] if health else [])]
        return f"{architecture.id}:{'+'.join(wanted)}:{self.seed}"
