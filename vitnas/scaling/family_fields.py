"""What ``family.json`` holds, and whether a file holds it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vitnas.errors import RunCorrupt
from vitnas.formats.fields import check_fields
from vitnas.hardware.targets import Coverage, Target
from vitnas.scaling.scale_config import RULES

Costs = Mapping[str, float | None]
OWN_FILE = re.compile(r"family/[^/\\\0]+\.yaml")


@dataclass(frozen=True)
class _Network:
    name: str
    id: str
    depths: Sequence[int]
    widths: Sequence[int]
    resolution_px: int | Sequence[int]
    capacity: float
    out_of_domain: Sequence[str]


@dataclass(frozen=True)
class _Seed(_Network):
    file: str


@dataclass(frozen=True)
class _Member(_Network):
    file: str
    size: int
    costs: Costs
    scores: Costs
    step: int
    move: str
    coverage: Mapping[str, Coverage] = field(default_factory=dict)


@dataclass(frozen=True)
class _Reference(_Network):
    costs: Costs
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class _Target(Target):
    band: float | None  # type: ignore[assignment]  # nan is null in JSON


@dataclass(frozen=True)
class _Family:
    seed: _Seed
    rule: str
    sizes: Sequence[int]
    settings: Mapping[str, Any]
    proxies: Sequence[str]
    random_seed: int
    budgets: Mapping[str, str]
    limits: Sequence[str]
    targets: Sequence[_Target]
    batch: int | None
    members: Sequence[_Member]
    missed: Mapping[str, str]
    steps: Sequence[Mapping[str, Any]]
    references: Sequence[_Reference]
    notes: Sequence[str]


def check_family(document: Any, where: str) -> None:
    """Check the document of a family.

    Raises:
        RunCorrupt: a field is missing, unknown or of another type; names it.
    """
    check_fields(_Family, document, where, RunCorrupt)
    if document["rule"] not in RULES:
        raise RunCorrupt(f"{where}: rule: cannot be {document['rule']!r:.60}")
    if document["rule"] == "asvit" and not isinstance(document["settings"].get("proxy_width"), float | int):
        raise RunCorrupt(f"{where}: settings: proxy_width is no number")
    check_fields(_Seed, document["seed"], f"{where}: seed", RunCorrupt)
    kinds = (("members", _Member), ("references", _Reference), ("targets", _Target))
    for name, cls in kinds:
        for k, row in enumerate(document[name]):
            check_fields(cls, row, f"{where}: {name}[{k}]", RunCorrupt)
            if "costs" in row and not isinstance(row["costs"].get("params"), int):
                raise RunCorrupt(f"{where}: {name}[{k}]: costs: params are missing")
    for k, row in enumerate(document["members"]):
        if not OWN_FILE.fullmatch(row["file"]):
            raise RunCorrupt(f"{where}: members[{k}]: {row['file']!r:.60} is no file of the run")
        for device, coverage in row.get("coverage", {}).items():
            check_fields(Coverage, coverage, f"{where}: members[{k}]: coverage: {device}", RunCorrupt)
