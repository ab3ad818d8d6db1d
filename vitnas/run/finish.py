"""From the archive to files: choose networks, check them, write them beside the published ones."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitnas.arch.yaml_io import dump_yaml
from vitnas.errors import RunCorrupt
from vitnas.hardware.targets import coverage_of
from vitnas.law.expectation import expected_of
from vitnas.quality.base import Details
from vitnas.quality.proxy import ProxyQuality
from vitnas.quality.reference import ReferenceSample
from vitnas.run.front_files import front_document, metadata, plain, rungs_document
from vitnas.run.main_loop import ActiveRun
from vitnas.run.rating import reference_sample
from vitnas.run.result import Member, SearchResult
from vitnas.searching.budget import idle
from vitnas.searching.pareto import spread
from vitnas.space.activity import Genomes
from vitnas.space.files import recipe_of
from vitnas.space.space import Reference
from vitnas.store.disk import atomic_write_text, make_folder, reported
from vitnas.store.evaluation import Evaluation
from vitnas.store.folder import RunFolder

OWN_FILE = re.compile(r"best/[^/\\\0]+\.yaml|choice\.yaml")


def finish(run: ActiveRun, state: str) -> SearchResult:
    """Check and write the front of the search or its last rung; after an interruption no first passes.

    Raises:
        StaleCosts: the costs of a network are not those that it has when it is built.
    """
    setup, listener = run.setup, run.context.listener
    archive = run.funnel.last.archive
    chosen = run.stage.choice()[: state != "interrupted"]
    genomes = archive.genomes[spread(archive.objectives, setup.config.front)]
    published = list(setup.problem.space.references.values())
    known = np.array([r.genome for r in published], np.uint8).reshape(len(published), genomes.shape[1])
    everything = np.concatenate([genomes, known, chosen])
    setup.table.require_traced(everything)
    records: list[Evaluation] = [{} for _ in everything]
    maker = _MemberMaker(run)
    if state != "interrupted":
        try:
            maker.sample = reference_sample(run.context, maker.shown)
            listener.stage("checking networks", f"{len(genomes)} of the front, {len(published)} published")
            records = run.context.bench.by(maker.shown, health=True).measure(
                everything, lambda n: listener.count(n, len(everything))
            )
            run.funnel.measure(everything[len(genomes) :])
        except KeyboardInterrupt:
            state, maker.sample = "interrupted", None
    listener.stage("writing files", str(run.folder.path))
    front = maker.members(genomes, records[: len(genomes)])
    others = records[len(genomes) :]
    references = maker.members(known, others[: len(known)], interrupted=state == "interrupted")
    choice = maker.members(chosen, others[len(known) :])
    result = _result(run, state)
    result = replace(
        result,
        front=tuple(replace(m, written=f"best/{k:02d}-{m.id}.yaml") for k, m in enumerate(front, 1)),
        references=tuple(_published(m, r) for m, r in zip(references, published, strict=True)),
        choice=replace(choice[0], written="choice.yaml") if choice else None,
    )
    result = replace(result, files=tuple(member.written for member in result.front))
    _write(run, result)
    return result


class _MemberMaker:
    """Makes members of a run.

    Attributes:
        shown: proxies whose scores stand beside.
        sample: what these are compared with; None until it was scored.
    """

    def __init__(self, run: ActiveRun) -> None:
        self.run = run
        self.shown = [ProxyQuality(name) for name in run.setup.rating.shown]
        self.sample: ReferenceSample | None = None
        self.recipe = recipe_of(run.setup.problem.space)

    def members(
        self, genomes: Genomes, records: Sequence[Evaluation], *, interrupted: bool = False
    ) -> list[Member]:
        """A member for each genome (n, G)."""
        if not len(genomes):
            return []
        setup, rating, funnel = self.run.setup, self.run.rating, self.run.funnel
        costs = setup.table.price(genomes)
        violation = setup.problem.violation(costs, len(genomes))
        # after an interruption nothing is measured any more
        quality = rating.recall(genomes)[0] if interrupted else rating.rate(genomes)
        said: list[Details] = rating.details(genomes)
        rungs = funnel.said(genomes, quality)
        if setup.config.then:
            last = funnel.last.result.quality
            quality = np.array([own.get(last, math.nan) for own in rungs])
            said = [a | b for a, b in zip(said, funnel.details(genomes), strict=True)]
        shares = setup.table.coverage(genomes)
        return [
            self._member(
                genome,
                records[k],
                {device: float(measured[k]) for device, measured in shares.items()},
                costs=dict(costs.row(k)),
                quality=float(quality[k]) if math.isfinite(quality[k]) else None,
                feasible=bool(violation[k] == 0),
                scores=self._scores(records[k]) | said[k],
                rungs=rungs[k],
            )
            for k, genome in enumerate(genomes)
        ]

    def _member(
        self,
        genome: NDArray[np.uint8],
        record: Evaluation,
        measured: Mapping[str, float],
        scores: Mapping[str, Mapping[str, Any]],
        **known: Any,
    ) -> Member:
        """A member with what is known of it, and what follows from its architecture and its log line."""
        architecture = self.run.setup.problem.space.decode(genome)
        devices = [device for device in self.run.setup.devices if device.name in measured]
        failed = {"verdict": "failed", "reasons": [record["failure"]]} if "failure" in record else {}
        return Member(
            name=architecture.name,
            id=architecture.id,
            genome=tuple(int(g) for g in genome),
            depth=sum(len(stage.blocks()) for stage in architecture.stages),
            health=record.get("health") or failed,
            scores={**expected_of(architecture, self.recipe, known["costs"]), **scores},
            out_of_domain=tuple(record.get("out_of_domain", ())),
            coverage={d.name: coverage_of(d, measured[d.name], architecture) for d in devices},
            folder=self.run.folder.path,
            **known,
        )

    def _scores(self, record: Evaluation) -> dict[str, dict[str, Any]]:
        shown = {proxy.name: proxy for proxy in self.shown}
        scores: dict[str, dict[str, Any]] = {}
        for proxy, value in (record.get("scores") or {}).items():
            entry: dict[str, Any] = {"value": value}
            if self.sample is not None:
                standard = self.sample.standardise(proxy, value)
                turned = standard if shown[proxy].higher_is_better else -standard
                entry["standard"] = turned if math.isfinite(standard) else None
            scores[proxy] = entry
        for proxy, reason in (record.get("failures") or {}).items():
            scores[proxy] = {"failure": reason}
        return scores


def _published(member: Member, reference: Reference) -> Member:
    facts = {"reference": reference.name, **reference.facts}
    return replace(member, name=reference.architecture.name, facts=facts)


def _result(run: ActiveRun, state: str) -> SearchResult:
    """What the run has come to, but for its networks."""
    setup, stage, funnel, progress = run.setup, run.stage, run.funnel, run.stage.loop.progress
    return SearchResult(
        config=setup.config,
        path=run.folder.path,
        state=state,
        objectives=setup.problem.objectives,
        front=(),
        references=(),
        front_size=len(funnel.last.archive),
        trials=progress.trials,
        asked=progress.asked,
        failed=progress.failed,
        seconds=float(run.folder.manifest.get("seconds", 0.0)),
        hypervolume=stage.hypervolume(),
        random_hypervolume=stage.random_hypervolume(),
        targets=setup.targets,
        limits=setup.limits,
        idle=_idle(run),
        notes=funnel.last.result.notes,
        rungs=funnel.results,
        distinct=len(stage.loop.seen),
        failures=dict(progress.failures),
        exhaustive=stage.has_all,
    )


def _idle(run: ActiveRun) -> tuple[str, ...]:
    budgets, costs = run.setup.problem.budgets, run.setup.table.price(run.funnel.last.archive.genomes)
    return tuple(idle(budgets, {budget.cost: costs[budget.cost] for budget in budgets}))


def _write(run: ActiveRun, result: SearchResult) -> None:
    folder, problem, archive = run.folder, run.setup.problem, run.funnel.last.archive
    members = (*result.front, *([result.choice] if result.choice else []))
    written, before = {member.written for member in members}, _own_files(folder)
    folder.update(files=sorted(written | before))  # whoever goes on knows what is ours, even from a kill
    make_folder(folder.path / "best")
    for member in members:
        genome = np.array(member.genome, np.uint8)
        architecture = problem.space.decode(genome, metadata(run, result, member))
        atomic_write_text(folder.path / member.written, dump_yaml(architecture.to_dict()))
    folder.write_json("front.json", front_document(run, result))
    whole = {
        "objectives": list(result.objectives),
        "values": problem.natural(archive.objectives).tolist(),
        "genomes": [genome.tobytes().hex() for genome in archive.genomes],
    }
    folder.write_json("whole_front.json", whole, indent=None)
    if result.rungs:
        folder.write_json("rungs.json", rungs_document(run.funnel), indent=None)
    folder.write_json("reference.json", {"members": [plain(m) for m in result.references]})
    for name in before - written:
        with reported(folder.path / name, "remove"):
            (folder.path / name).unlink(missing_ok=True)
    folder.update(files=sorted(written))


def _own_files(folder: RunFolder) -> set[str]:
    """The architectures that this run has written before; nobody else's in the same folder."""
    front: Any = None
    with contextlib.suppress(RunCorrupt):  # it is about to be written anew
        front = folder.read_json("front.json")
    found = front if isinstance(front, dict) else {}
    members = [*(found.get("members") or ()), found.get("choice")]
    named = [member.get("file") for member in members if isinstance(member, dict)]
    names = [*(folder.manifest.get("files") or ()), *named]
    return {name for name in names if isinstance(name, str) and OWN_FILE.fullmatch(name)}
