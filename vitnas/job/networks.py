"""Measuring built networks on workers, each result a durable line of the log."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import Any, cast

from vitnas.arch.schema import Architecture
from vitnas.cost.device import Device
from vitnas.cost.pricer import trace_architecture
from vitnas.cost.table import CostTable
from vitnas.quality.images import Images
from vitnas.quality.measure import load_proxy
from vitnas.search.evaluation import Evaluation
from vitnas.search.log import EvaluationLog
from vitnas.space.activity import Genomes
from vitnas.workers.base import Failure, Workers


def run_task(task: Mapping[str, Any]) -> Evaluation:
    """What a worker does: build a network, measure it, say what came out."""
    import torch

    from vitnas.quality.health import check_health
    from vitnas.quality.images import load_images
    from vitnas.quality.measure import measure

    torch.set_num_threads(1)  # sums depend on how they are split: figures must not depend on the workers
    architecture = Architecture.from_dict(task["architecture"])
    record = Evaluation()
    if task["proxies"]:
        measured = measure(
            architecture,
            task["proxies"],
            seed=task["seed"],
            repeats=task.get("repeats"),
            images=load_images(task["images"]) if task["images"] else None,
            device=task["torch_device"],
        )
        record["scores"] = dict(measured.scores)
        record["failures"] = dict(measured.failures)
        record["seconds"] = measured.seconds
    if task["health"]:
        record["health"] = check_health(architecture, seed=task["seed"]).to_dict()
        record["out_of_domain"] = _out_of_domain(architecture, task["devices"])
    return record


def merged(repeats: Sequence[Evaluation | Failure]) -> Evaluation:
    """The evaluations of one network's repeats as one: what `measure` says of all of them together."""
    done: list[Evaluation] = []
    for result in repeats:
        if isinstance(result, Failure):
            return Evaluation(failure=result.reason)
        done.append(result)
    if len(done) == 1:
        return done[0]
    failures = {name: reason for r in reversed(done) for name, reason in r["failures"].items()}
    names = [name for name in done[0]["scores"] if name not in failures]
    scores = {name: fmean(r["scores"][name] for r in done if name in r["scores"]) for name in names}
    return Evaluation(scores=scores, failures=failures, seconds=sum(r["seconds"] for r in done))


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
    """Measures networks on workers and remembers them through the log: nothing is measured twice.

    Args:
        table: of the space.
        workers: who measures.
        log: what was measured, and where it is kept.
        seed: of weights, images and labels.
        images: real ones that proxies see; None for Gaussian ones.
        device: where proxies compute.
    """

    def __init__(
        self,
        table: CostTable,
        workers: Workers,
        log: EvaluationLog,
        seed: int,
        *,
        images: Images | None = None,
        device: str = "cpu",
    ) -> None:
        self.table = table
        self.workers = workers
        self.log = log
        self.seed = seed
        self.images = images
        self.device = device
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
        tasks = {k: self._tasks(architectures[k], proxies, health) for k in missing}
        owners = [(k, turn) for k, own in tasks.items() for turn in range(len(own))]
        results: dict[int, dict[int, Evaluation | Failure]] = {k: {} for k in missing}
        finished = len(genomes) - len(missing)
        for position, result in self.workers.map(run_task, itertools.chain(*tasks.values())):
            k, turn = owners[position]
            results[k][turn] = result
            if len(results[k]) < len(tasks[k]):
                continue
            evaluation = Evaluation(
                task=names[k], id=architectures[k].id, genome=genomes[k].tolist(), costs=costs.row(k)
            )
            evaluation.update(merged([results[k][turn] for turn in sorted(results[k])]))
            self.log.append(evaluation)
            self._known[names[k]] = evaluation
            finished += 1
            if done is not None:
                done(finished)
        return [self._known[name] for name in names]

    def recall(self, genomes: Genomes, proxies: Sequence[str]) -> list[Evaluation]:
        """What `measure` has found for each genome (n, G) already; an empty one where it has not."""
        names = [self._task_name(self.table.space.decode(g), proxies, health=False) for g in genomes]
        return [self._known.get(name, Evaluation()) for name in names]

    def _tasks(
        self, architecture: Architecture, proxies: Sequence[str], health: bool
    ) -> list[dict[str, Any]]:
        """One, or one for each repeat that the proxies want, so that one network keeps all workers busy."""
        task = {
            "architecture": architecture.to_dict(),
            "proxies": list(proxies),
            "health": health,
            "devices": self.table.devices,
            "seed": self.seed,
            "images": self.images.source if self.images else None,
            "torch_device": self.device,
        }
        wanted = {name: load_proxy(name).repeats for name in proxies}
        repeats = max(wanted.values(), default=1)
        if health or repeats == 1:
            return [task]
        return [
            {
                **task,
                "proxies": [name for name in proxies if wanted[name] > k],
                "seed": self.seed + k,
                "repeats": 1,
            }
            for k in range(repeats)
        ]

    def _task_name(self, architecture: Architecture, proxies: Sequence[str], health: bool) -> str:
        wanted = [*sorted(proxies), *(["health"] if health else [])]
        drawn = [self.images.fingerprint] if self.images else []
        where = [self.device] if self.device != "cpu" else []
        return ":".join([architecture.id, "+".join(wanted), str(self.seed), *drawn, *where])
