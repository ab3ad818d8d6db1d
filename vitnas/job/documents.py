"""What the files of a run say of its networks."""

from __future__ import annotations

import dataclasses
from typing import Any

from vitnas.job.rating import Rating
from vitnas.job.setup import Setup
from vitnas.job.stage import SearchStage
from vitnas.search.events import Member, SearchResult
from vitnas.search.run import RunFolder, current_versions
from vitnas.space.files import recipe_of


def front_document(setup: Setup, stage: SearchStage, rating: Rating, result: SearchResult) -> dict[str, Any]:
    """``front.json``: what the same settings give again, bit for bit; nothing in it depends on time."""
    return {
        "space": setup.problem.space.name,
        "device": result.device_label,
        "objectives": list(result.objectives),
        "budgets": dict(setup.config.budgets),
        **_asked(setup, result),
        "quality": setup.config.quality,
        "notes": list(rating.notes),
        "trials": result.trials,
        "hypervolume": result.hypervolume,
        "random_hypervolume": result.random_hypervolume,
        "box": dataclasses.asdict(rating.box),
        "history": [list(row) for row in stage.history],
        "members": [_without_times(plain(m)) for m in result.front],
        **({"choice": _without_times(plain(result.choice))} if result.choice else {}),
        "whole_front": result.front_size,
    }


def plain(member: Member) -> dict[str, Any]:
    """All of a member; no coverage where no device has measured blocks."""
    return {k: v for k, v in dataclasses.asdict(member).items() if k != "coverage" or v}


def _without_times(member: dict[str, Any]) -> dict[str, Any]:
    member["health"] = {k: v for k, v in member["health"].items() if k != "seconds"}
    return member


def metadata(setup: Setup, folder: RunFolder, result: SearchResult, member: Member) -> dict[str, Any]:
    """The notes in the file of a network that was found."""
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
    }
    if member.coverage:
        metrics["coverage"] = {name: dataclasses.asdict(c) for name, c in member.coverage.items()}
    if member.health:
        metrics["health"] = member.health.get("verdict")
    if member.out_of_domain:
        metrics["out_of_domain"] = list(member.out_of_domain)
    return metrics
