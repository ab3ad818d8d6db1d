"""From the archive to files: choose networks, check them, write them beside the published ones."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitnas.arch.schema import Architecture
from vitnas.arch.yaml_io import dump_yaml
from vitnas.bench.networks import NetworkBench
from vitnas.events import Listener
from vitnas.hardware.targets import coverage_of
from vitnas.quality.base import Details, Quality
from vitnas.quality.proxy import ProxyQuality
from vitnas.quality.reference import ReferenceSample
from vitnas.run.front_files import front_document, metadata, plain, rungs_document
from vitnas.run.funnel import Funnel
from vitnas.run.main_loop import SearchStage
from vitnas.run.prepare import Setup
from vitnas.run.rating import Rating, reference_sample
from vitnas.run.result import Member, SearchResult
from vitnas.searching.pareto import spread
from vitnas.space.activity import Genomes
from vitnas.store.disk import atomic_write_text, reported
from vitnas.store.evaluation import Evaluation
from vitnas.store.folder import RunFolder


def finish(
    setup: Setup,
    folder: RunFolder,
    stage: SearchStage,
    rating: Rating,
    bench: NetworkBench,
    funnel: Funnel,
    state: str,
    listener: Listener,
) -> SearchResult:
    """Check and write the front of the search or its last rung; after an interruption without checks."""
    archive = funnel.last.archive
    chosen = stage.choice()[: state != "interrupted"]
    picked = spread(archive.objectives, setup.config.front)
    genomes = archive.genomes[picked]
    published = list(setup.problem.space.references.values())
    known = np.array([r.genome for r in published], np.uint8).reshape(len(published), genomes.shape[1])
    everything = np.concatenate([genomes, known, chosen])
    records: list[Evaluation] = [{} for _ in everything]
    sample: ReferenceSample | None = None
    shown = [ProxyQuality(name) for name in setup.rating.shown]
    if state != "interrupted":
        try:
            sample = reference_sample(setup, folder, bench, shown, listener)
            listener.stage("checking networks", f"{len(genomes)} of the front, {len(published)} published")
            records = bench.by(shown, health=True).measure(
                everything, lambda n: listener.count(n, len(everything))
            )
            funnel.measure(everything[len(genomes) :])
        except KeyboardInterrupt:
            state, sample = "interrupted", None
    listener.stage("writing files", str(folder.path))
    found = {proxy.name: proxy for proxy in shown}
    maker = _MemberMaker(setup, rating, funnel, sample, found, folder.path)
    front = maker.members(genomes, records[: len(genomes)])
    others = records[len(genomes) :]
    references = maker.members(known, others[: len(known)], interrupted=state == "interrupted")
    choice = maker.members(chosen, others[len(known) :])
    references = [
        _published(m, r.name, r.architecture, r.facts) for m, r in zip(references, published, strict=True)
    ]
    front = [dataclasses.replace(m, written=f"best/{k:02d}-{m.id}.yaml") for k, m in enumerate(front, 1)]
    result = _result(setup, folder, stage, funnel, state, front, references)
    if choice:
        result = dataclasses.replace(result, choice=dataclasses.replace(choice[0], written="choice.yaml"))
    _write(setup, folder, stage, funnel, result)
    return result


def join_choice(setup: Setup, stage: SearchStage, rating: Rating) -> None:
    """Score what the strategy itself would take, and let it into the front, if it belongs there.

    The saved state of the search stays without it.
    """
    chosen = stage.choice()
    problem = setup.problem
    costs = setup.table.price(chosen)
    feasible = problem.violation(costs, len(chosen)) == 0
    if feasible.any():
        objectives = problem.matrix(costs, rating.rate(chosen))
        kept = feasible & np.isfinite(objectives).all(axis=1)  # what was not trained has no quality
        stage.loop.archive.add(chosen[kept], problem.space.keys(chosen[kept]), objectives[kept])


class _MemberMaker:
    def __init__(
        self,
        setup: Setup,
        rating: Rating,
        funnel: Funnel,
        sample: ReferenceSample | None,
        shown: Mapping[str, Quality],
        folder: Path,
    ) -> None:
        self.folder = folder
        self.setup = setup
        self.rating = rating
        self.funnel = funnel
        self.sample = sample
        self.shown = shown

    def members(
        self, genomes: Genomes, records: Sequence[Evaluation], *, interrupted: bool = False
    ) -> list[Member]:
        """A member for each genome (n, G)."""
        if not len(genomes):
            return []
        costs = self.setup.table.price(genomes)
        violation = self.setup.problem.violation(costs, len(genomes))
        # after an interruption nothing is measured any more
        quality = self.rating.recall(genomes)[0] if interrupted else self.rating.rate(genomes)
        said: list[Details] = self.rating.details(genomes)
        rungs = self.funnel.said(genomes, quality)
        if self.setup.config.then:
            last = self.funnel.last.result.quality
            quality = np.array([own.get(last, math.nan) for own in rungs])
            said = [a | b for a, b in zip(said, self.funnel.details(genomes), strict=True)]
        shares = self.setup.table.coverage(genomes)
        return [
            self._member(
                genome,
                costs.row(k),
                float(quality[k]),
                bool(violation[k] == 0),
                {device: float(measured[k]) for device, measured in shares.items()},
                records[k],
                said[k],
                rungs[k],
            )
            for k, genome in enumerate(genomes)
        ]

    def _member(
        self,
        genome: NDArray[np.uint8],
        costs: Mapping[str, Any],
        quality: float,
        feasible: bool,
        measured: Mapping[str, float],
        record: Evaluation,
        said: Details,
        rungs: Mapping[str, float],
    ) -> Member:
        architecture = self.setup.problem.space.decode(genome)
        devices = [device for device in self.setup.devices if device.name in measured]
        return Member(
            name=architecture.name,
            id=architecture.id,
            genome=tuple(int(g) for g in genome),
            costs=dict(costs),
            quality=quality if math.isfinite(quality) else None,
            depth=sum(len(stage.blocks()) for stage in architecture.stages),
            scores=self._scores(record) | said,
            health=record.get("health")
            or ({"verdict": "failed", "reasons": [record["failure"]]} if "failure" in record else {}),
            feasible=feasible,
            out_of_domain=tuple(record.get("out_of_domain", ())),
            coverage={d.name: coverage_of(d, measured[d.name], architecture) for d in devices},
            rungs=rungs,
            folder=self.folder,
        )

    def _scores(self, record: Evaluation) -> dict[str, dict[str, Any]]:
        scores: dict[str, dict[str, Any]] = {}
        for proxy, value in (record.get("scores") or {}).items():
            entry: dict[str, Any] = {"value": value}
            if self.sample is not None:
                standard = self.sample.standardise(proxy, value)
                turned = standard if self.shown[proxy].higher_is_better else -standard
                entry["standard"] = turned if math.isfinite(standard) else None
            scores[proxy] = entry
        for proxy, reason in (record.get("failures") or {}).items():
            scores[proxy] = {"failure": reason}
        return scores


def _published(member: Member, name: str, architecture: Architecture, facts: Mapping[str, Any]) -> Member:
    return dataclasses.replace(member, name=architecture.name, facts={"reference": name, **facts})


def _result(
    setup: Setup,
    folder: RunFolder,
    stage: SearchStage,
    funnel: Funnel,
    state: str,
    front: Sequence[Member],
    references: Sequence[Member],
) -> SearchResult:
    progress = stage.loop.progress
    return SearchResult(
        config=setup.config,
        path=folder.path,
        state=state,
        objectives=setup.problem.objectives,
        front=tuple(front),
        references=tuple(references),
        front_size=len(funnel.last.archive),
        trials=progress.trials,
        asked=progress.asked,
        failed=progress.failed,
        seconds=float(folder.manifest.get("seconds", 0.0)),
        hypervolume=stage.hypervolume(),
        random_hypervolume=stage.random_hypervolume(),
        targets=setup.targets,
        limits=setup.limits,
        files=tuple(m.written for m in front),
        notes=funnel.last.result.notes,
        rungs=funnel.results,
        distinct=len(stage.loop.seen),
        failures=dict(progress.failures),
        exhaustive=stage.has_all,
    )


def _write(
    setup: Setup,
    folder: RunFolder,
    stage: SearchStage,
    funnel: Funnel,
    result: SearchResult,
) -> None:
    folder.guard()
    best = folder.path / "best"
    with reported(best, "write"):
        best.mkdir(exist_ok=True)
        for old in best.glob("*.yaml"):
            old.unlink()
    for member in (*result.front, *([result.choice] if result.choice else [])):
        genome = np.array(member.genome, np.uint8)
        architecture = setup.problem.space.decode(genome, metadata(setup, folder, result, member))
        atomic_write_text(folder.path / member.written, dump_yaml(architecture.to_dict()))
    folder.write_json("front.json", front_document(setup, stage, result))
    whole = {
        "objectives": list(result.objectives),
        "values": setup.problem.natural(funnel.last.archive.objectives).tolist(),
        "genomes": [genome.tobytes().hex() for genome in funnel.last.archive.genomes],
    }
    folder.write_json("whole_front.json", whole, indent=None)
    if result.rungs:
        folder.write_json("rungs.json", rungs_document(funnel), indent=None)
    folder.write_json("reference.json", {"members": [plain(m) for m in result.references]})
