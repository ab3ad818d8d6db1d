"""How good the law is: on networks that it has not seen, and with its own left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from vitnas.law.model import Expected, Inputs, Law, errors_of
from vitnas.law.published import Published

WORST = 5


@dataclass(frozen=True)
class Miss:
    """A network, its accuracy, and what was expected."""

    id: str
    img_size: int
    top1: float
    expected: float
    half_width: float


@dataclass(frozen=True)
class Agreement:
    """Expected and stated accuracies of n networks, in points of top-1.

    Attributes:
        of: which networks, and what the law knew.
        networks: n.
        mae, median, p90: absolute errors.
        half_width: median, of the 90 % intervals.
        covered: share of the networks inside theirs.
        macs_mae, params_mae: mean absolute errors of a straight line in the logarithm of MACs, and of params.
        worst: networks with the largest errors.
    """

    of: str
    networks: int
    mae: float
    median: float
    p90: float
    half_width: float
    covered: float
    macs_mae: float
    params_mae: float
    worst: tuple[Miss, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


def check_unseen(law: Law, known: Sequence[Published], rows: Sequence[Published]) -> list[Agreement]:
    """The law on networks of a table: on all that it has not seen, and on those of families that it knows.

    Args:
        law: of ``known``.
        known: what the law was fitted on; rows with an id and a resolution of these are left out.
        rows: the table's.
    """
    seen = {(r.id, r.resolution_px) for r in known}
    families = {r.family for r in known}
    fresh = [r for r in rows if (r.id, r.resolution_px) not in seen]
    parts = {
        "networks that the law has not seen": fresh,
        "- of families that it knows": [r for r in fresh if r.family in families],
        "- of other families": [r for r in fresh if r.family not in families],
    }
    return [_agreement(of, part, law.expect(Inputs.of(part)), known) for of, part in parts.items() if part]


def check_left_out(law: Law, rows: Sequence[Published]) -> list[Agreement]:
    """The law on its own networks, each without those of its architecture, or of its family."""
    groups = {
        "one architecture left out": [r.arch for r in rows],
        "one family left out": [r.family for r in rows],
    }
    return [_agreement(of, rows, law.leave_out(group), rows) for of, group in groups.items()]


def _agreement(
    of: str, rows: Sequence[Published], expected: Expected, known: Sequence[Published]
) -> Agreement:
    stated = np.array([r.top1 for r in rows])
    errors = np.abs(expected.top1 - stated)
    lines = {}
    for name in ("gmacs", "params_m"):
        slope = np.polyfit(np.log([getattr(r, name) for r in known]), errors_of(known), 1)
        line = 100 - np.exp(np.polyval(slope, np.log([getattr(r, name) for r in rows])))
        lines[name] = float(np.abs(line - stated).mean())
    worst = [
        Miss(
            rows[k].id,
            rows[k].resolution_px,
            rows[k].top1,
            float(expected.top1[k]),
            float(expected.half_width[k]),
        )
        for k in np.argsort(-errors)[:WORST]
    ]
    inside = (stated >= expected.low) & (stated <= expected.high)
    return Agreement(
        of=of,
        networks=len(rows),
        mae=float(errors.mean()),
        median=float(np.median(errors)),
        p90=float(np.quantile(errors, 0.9)),
        half_width=float(np.median(expected.half_width)),
        covered=float(inside.mean()),
        macs_mae=lines["gmacs"],
        params_mae=lines["params_m"],
        worst=tuple(worst),
    )
