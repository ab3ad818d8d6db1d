"""What the files of a run say of its networks."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from vitnas.run.funnel import Funnel, Level
from vitnas.run.main_loop import ActiveRun
from vitnas.run.prepare import Setup
from vitnas.run.result import Member, SearchResult
from vitnas.space.files import recipe_of
from vitnas.store.folder import current_versions


def front_document(run: ActiveRun, result: SearchResult) -> dict[str, Any]:
    """``front.json``: what the same settings give again, bit for bit; nothing in it depends on time."""
    setup, stage = run.setup, run.stage
    return {
        "space": setup.problem.space.name,
        "device": result.device_label,
        "objectives": list(result.objectives),
        "budgets": dict(setup.config.budgets),
        **_asked(setup, result),
        **({"idle": list(result.idle)} if result.idle else {}),
        "quality": setup.config.quality,
        "notes": list(result.notes),
        **({"rungs": [_timeless(rung.to_dict()) for rung in result.rungs]} if result.rungs else {}),
        "trials": result.trials,
        **({"exhaustive": True} if result.exhaustive else {}),
        "hypervolume": result.hypervolume,
        "random_hypervolume": result.random_hypervolume,
        "box": dataclasses.asdict(stage.box),
        "history": [list(row) for row in stage.history],
        "members": [_without_times(plain(m)) for m in result.front],
        **({"choice": _without_times(plain(result.choice))} if result.choice else {}),
        "whole_front": result.front_size,
    }


def rungs_document(funnel: Funnel) -> dict[str, Any]:
    """``rungs.json``: the candidates of every rung, what they scored, and which were on its front."""
    return {"rungs": [_candidates(level) for level in funnel.levels[1:]]}


def _candidates(level: Level) -> dict[str, Any]:
    scores, failures = level.known(level.genomes)
    front = {genome.tobytes() for genome in level.archive.genomes}
    return {
        "quality": level.result.quality,
        "candidates": [
            {
                "genome": genome.tobytes().hex(),
                "score": float(score) if math.isfinite(score) else None,
                "front": genome.tobytes() in front,
                **({"failure": failure} if failure else {}),
            }
            for genome, score, failure in zip(level.genomes, scores, failures, strict=True)
        ],
    }


def plain(member: Member) -> dict[str, Any]:
    """All of a member; no coverage where no device has measured blocks, no rungs where there are none."""
    return {k: v for k, v in member.to_dict().items() if k not in ("coverage", "rungs") or v}


def _timeless(rung: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in rung.items() if k != "seconds"}


def _without_times(member: dict[str, Any]) -> dict[str, Any]:
    member["health"] = {k: v for k, v in member["health"].items() if k != "seconds"}
    return member


def metadata(run: ActiveRun, result: SearchResult, member: Member) -> dict[str, Any]:
    """The notes in the file of a network that was found."""
    setup, folder = run.setup, run.folder
    return {
        "description": f"found in {setup.problem.space.name} for {_origins(result, member)}",
        "metrics": _metrics(member),
        "provenance": {
            "vitnas": current_versions()["vitnas"],
            "run": folder.path.name,
            "created": folder.manifest["created"],
            "space": setup.problem.space.name,
            "space_hash": setup.problem.space.hash,
            "device": result.device_label or None,
            "budgets": dict(setup.config.budgets),
            **_asked(setup, result),
            "quality": setup.config.quality,
            "strategy": setup.config.strategy,
            "seed": setup.config.seed,
            "id": member.id,
        },
        "recipe": recipe_of(setup.problem.space),
    }


def _asked(setup: Setup, result: SearchResult) -> dict[str, Any]:
    """What few runs have: limits of their devices, a batch, a resolution, a combination."""
    found = {
        "limits": list(result.limits),
        "batch": setup.config.batch,
        "resolution_px": setup.config.resolution_px,
        "combine": setup.config.combine,
        "labels": setup.config.labels,
        "label": setup.labels.name if setup.labels else None,
        "then": list(setup.config.then),
    }
    return {name: value for name, value in found.items() if value}


def _origins(result: SearchResult, member: Member) -> str:
    """The devices, and how far the network's times on them are measured."""
    return (
        " and ".join(
            f"{t.label}; {member.coverage[t.name]}" if t.name in member.coverage else t.label
            for t in result.targets
        )
        or "no device"
    )


def _metrics(member: Member) -> dict[str, Any]:
    scores = {name: entry.get("value") for name, entry in member.scores.items()}
    metrics: dict[str, Any] = {
        **member.costs,
        "depth": member.depth,
        "quality": member.quality,
        "scores": scores,
        **({"rungs": dict(member.rungs)} if member.rungs else {}),
    }
    if member.coverage:
        metrics["coverage"] = {name: dataclasses.asdict(c) for name, c in member.coverage.items()}
    if member.health:
        metrics["health"] = member.health.get("verdict")
    if member.out_of_domain:
        metrics["out_of_domain"] = list(member.out_of_domain)
    return metrics
