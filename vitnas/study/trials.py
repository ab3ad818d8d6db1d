"""From a run's log and front to the trials of a study."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from vitnas.figures import split_cost
from vitnas.quality.base import Quality
from vitnas.run.prepare import Setup
from vitnas.run.rating import kept_quality
from vitnas.searching.budget import Budget
from vitnas.searching.objectives import QUALITY, cost_of, is_maximised
from vitnas.space.activity import Genomes
from vitnas.store.evaluation import Evaluation
from vitnas.store.folder import RunFolder
from vitnas.study.spec import StudySpec, StudyTrial

# quality (n,) of genomes (n, G) by what the log says of them, nan without one, and why they failed
Recorded = Callable[[Genomes, Sequence[Evaluation]], tuple[NDArray[np.float64], list[str]]]
NOT_FINITE = "the score is no finite number"


def study_spec(setup: Setup, folder: RunFolder, name: str | None = None) -> StudySpec:
    """The study of a run; its own name is the folder's."""
    space, config = setup.problem.space, setup.config
    kept = folder.manifest
    same = json.dumps(
        [kept["created"], kept["hashes"], config.quality, config.strategy, config.seed], sort_keys=True
    )
    said = {
        "space": space.name,
        "quality": config.quality,
        "strategy": config.strategy,
        "seed": config.seed,
        "devices": [device.label for device in setup.targets],
        "budgets": [str(budget) for budget in setup.problem.budgets],
        "vitnas": kept["versions"]["vitnas"],
    }
    return StudySpec(
        name=name or folder.path.resolve().name,
        run=hashlib.sha256(same.encode()).hexdigest()[:16],
        metrics=tuple(
            (_metric(o), "maximize" if is_maximised(o) else "minimize") for o in setup.problem.objectives
        ),
        choices={gene.name: gene.choices for gene in space.genes if len(gene.choices) > 1},
        constraints=tuple(_constraint(budget) for budget in setup.problem.budgets),
        attributes=said,
    )


def _metric(objective: str) -> str:
    """With its unit: ``latency@iphone12`` is ``latency_ms@iphone12``."""
    return QUALITY if objective == QUALITY else cost_of(objective)


def _constraint(budget: Budget) -> str:
    device = split_cost(budget.cost)[1]
    return f"{budget.option}@{device}" if device else budget.option


def recorded_quality(setup: Setup, folder: RunFolder) -> Recorded | None:
    """The run's quality from what its folder holds; None if it has not come so far."""
    quality = kept_quality(setup, folder)
    if quality is None:
        return None

    def recorded(genomes: Genomes, records: Sequence[Evaluation]) -> tuple[NDArray[np.float64], list[str]]:
        return quality.rate(genomes, records), [_why_not(record, quality) for record in records]

    return recorded


def _why_not(record: Evaluation, quality: Quality) -> str:
    """Why a network has no quality; empty if it has one, or may still get one."""
    scores = record.get("scores") or {}
    unscored = any(scores.get(name, 0.0) is None for name in quality.name.split("+"))
    return quality.failure(record) or (NOT_FINITE if unscored else "")


class RunTrials:
    """Trials of one run, as its log tells of them.

    A network becomes a trial once its quality is known, or why it has none. Networks that were only checked,
    and have neither, wait.

    Args:
        setup: of the run.
        recorded: its quality.
    """

    def __init__(self, setup: Setup, recorded: Recorded) -> None:
        self.setup = setup
        self._recorded = recorded
        self._seen: set[bytes] = set()
        self._waiting: dict[bytes, Evaluation] = {}
        genes = setup.problem.space.genes
        self._genes = [k for k, gene in enumerate(genes) if len(gene.choices) > 1]

    @property
    def waiting(self) -> int:
        """Networks that have no quality so far."""
        return len(self._waiting)

    def read(
        self, records: Iterable[Mapping[str, Any]], known: Container[str]
    ) -> tuple[list[StudyTrial], dict[str, dict[str, Any]]]:
        """Trials that are new by these lines of the log, and by genome what they say of others.

        Args:
            records: in their order.
            known: genomes whose trials were written before.
        """
        touched: dict[bytes, Evaluation] = {}
        later: dict[str, dict[str, Any]] = {}
        for line in records:
            record, genome = cast(Evaluation, line), bytes(line["genome"])
            if genome not in self._seen:
                self._seen.add(genome)
                if genome.hex() not in known:
                    touched[genome] = self._waiting[genome] = record
            elif genome in self._waiting:
                touched[genome] = self._waiting[genome] = _joined(self._waiting[genome], record)
            else:
                later.setdefault(genome.hex(), {}).update(attributes_of(record))
        ready = self.trials(touched)
        for trial in ready:
            del self._waiting[bytes.fromhex(trial.genome)]
        return ready, later

    def trials(self, records: Mapping[bytes, Evaluation]) -> list[StudyTrial]:
        """A trial for each genome whose quality is known, or why it has none."""
        if not records:
            return []
        genomes = np.array([list(genome) for genome in records], np.uint8)
        problem, space = self.setup.problem, self.setup.problem.space
        quality, reasons = self._recorded(genomes, list(records.values()))
        costs = self.setup.table.price(genomes)
        values = problem.natural(problem.matrix(costs, quality))
        limits = [_excess(budget, costs[budget.cost]) for budget in problem.budgets]
        active = space.activity.active_genes(genomes)
        found = []
        for k, record in enumerate(records.values()):
            if not (reasons[k] or np.isfinite(quality[k])):
                continue
            chosen = space.chosen(genomes[k])
            known = not reasons[k] and bool(np.isfinite(values[k]).all())
            attributes: dict[str, Any] = {
                name: value for name, value in costs.row(k).items() if value is not None
            }
            attributes |= attributes_of(record)
            attributes |= {} if known else {"failure": reasons[k] or NOT_FINITE}
            trial = StudyTrial(
                genome=genomes[k].tobytes().hex(),
                params={space.genes[g].name: chosen[g] for g in self._genes if active[k, g]},
                values=tuple(values[k].tolist()) if known else None,
                constraints=tuple(float(own[k]) for own in limits),
                attributes=attributes,
                seconds=float(record.get("seconds") or 0.0),
            )
            found.append(trial)
        return found


def _joined(before: Evaluation, record: Evaluation) -> Evaluation:
    """What two lines say of one network."""
    both = {**record, **before}
    for name in ("scores", "failures"):
        both[name] = {**(_part(record, name)), **(_part(before, name))}
    return cast(Evaluation, both)


def _part(record: Evaluation, name: str) -> Mapping[str, Any]:
    found: Any = record.get(name)
    return found or {}


def _excess(budget: Budget, values: NDArray[np.generic]) -> NDArray[np.float64]:
    """The share (n,) of a limit by which it is missed; negative within it, as Optuna's constraints are."""
    share = np.asarray(values, np.float64) / budget.limit - 1.0
    return -share if budget.at_least else share


def attributes_of(record: Evaluation) -> dict[str, Any]:
    """What a line of the log says of a network, as trial attributes."""
    said: dict[str, Any] = {"id": record["id"]} if "id" in record else {}
    said |= {f"score.{name}": value for name, value in (record.get("scores") or {}).items()}
    said |= {f"failure.{name}": why for name, why in (record.get("failures") or {}).items()}
    for name in ("failure", "epochs", "stopped", "seconds"):
        if name in record:
            said[name] = record[name]
    if record.get("out_of_domain"):
        said["out_of_domain"] = "; ".join(record["out_of_domain"])
    if record.get("health"):
        said["health"] = record["health"].get("verdict")
        reasons = record["health"].get("reasons")
        said |= {"health.reasons": "; ".join(map(str, reasons))} if reasons else {}
    return {name: value for name, value in said.items() if value is not None}
