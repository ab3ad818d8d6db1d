"""Whether times of blocks can be true: unit, coverage, outliers, larger ones that are faster."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from vitnas.cost.device import BYTES_OF_DTYPE
from vitnas.cost.trace import Trace
from vitnas.errors import InvalidData
from vitnas.formats.resolution import as_scalar
from vitnas.hardware.measure.plan import Plan
from vitnas.hardware.measure.predict import fit_predictor
from vitnas.hardware.measure.probe import Probe
from vitnas.hardware.measure.reduce import LEAST_BLOCKS, Times
from vitnas.hardware.profile.block_table import Measured, block_words
from vitnas.space.slots import Context

# Of some 5,400 published latencies (timm's benchmarks and iPhones) the fastest is 77e12 MACs/s, one large GPU
# at a large batch, and the slowest 7e9, a CPU; small boards may be a hundred times slower than that.
FASTEST_MACS_S, SLOWEST_MACS_S = 100e12, 50e6
# An empty call of ONNX Runtime takes some 4 microseconds, one of Apple's Neural Engine some 230.
SHORTEST_EMPTY_MS, LONGEST_EMPTY_MS = 3e-4, 5.0
SHORTEST_MS = 1e-3
LEAST_SHARE = 0.5
FOLDS = 3
OUTLIER = 3.0
FASTER = 0.1


def unit_problem(plan: Plan, probes: list[Probe], raw_ms: Mapping[str, float], empty: str) -> str:
    """Why these cannot be milliseconds; empty if they can.

    Args:
        plan: with the traces of the blocks.
        probes: that may have been measured.
        raw_ms: probe's id -> time of a call, nothing subtracted.
        empty: id of the empty call.
    """
    macs, total = 0, 0.0
    for probe in probes:
        if probe.block is not None and probe.id in raw_ms:
            macs += plan.traces[probe.block].macs * probe.copies * probe.batch
            total += raw_ms[probe.id]
    speed = 1e3 * macs / total if total else float("nan")
    shown = f"{speed / 1e12:,.3g}e12 MACs/s over all blocks"
    median = float(np.median(list(raw_ms.values())))
    call = raw_ms.get(empty, float("nan"))
    if speed > FASTEST_MACS_S:
        return f"too fast for milliseconds: {shown}, and no device makes 100e12; seconds?"
    if call < SHORTEST_EMPTY_MS or median < SHORTEST_MS:
        what = (
            f"an empty call takes {call:.2g}" if call < SHORTEST_EMPTY_MS else f"the median is {median:.2g}"
        )
        return f"too fast for milliseconds: {what}, and a runtime needs microseconds for a call; seconds?"
    if speed < SLOWEST_MACS_S:
        return f"too slow for milliseconds: {shown}; microseconds?"
    if call > LONGEST_EMPTY_MS:
        return f"too slow for milliseconds: an empty call takes {call:.3g}; microseconds?"
    return ""


@dataclass(frozen=True)
class Coverage:
    """Blocks of an operator: in the spaces, with a model in the kit, with a time."""

    op: str
    blocks: int
    in_kit: int
    measured: int


def coverage(plan: Plan, kit: set[str], results: Mapping[str, object]) -> list[Coverage]:
    """What was measured, operator by operator.

    Args:
        plan: of the spaces.
        kit: ids of the kit's models.
        results: by id.
    """
    found = []
    for op in sorted({block.op for block in plan.traces}):
        ids = [probe.id for probe in plan.blocks if probe.block is not None and probe.block.op == op]
        found.append(
            Coverage(op, len(ids), sum(i in kit for i in ids), sum(i in results and i in kit for i in ids))
        )
    return found


def refuse_too_few(rows: list[Coverage]) -> None:
    """Refuse less than half of the kit's blocks, or too few for any profile.

    Raises:
        InvalidData: with the count, and what to measure.
    """
    measured, in_kit = sum(r.measured for r in rows), sum(r.in_kit for r in rows)
    needed = max(int(np.ceil(LEAST_SHARE * in_kit)), LEAST_BLOCKS)
    if measured >= needed:
        return
    least = sorted((r for r in rows if r.measured < r.in_kit), key=lambda r: r.measured / r.in_kit)
    lacking = ", ".join(f"{r.op} ({r.measured} of {r.in_kit})" for r in least)
    raise InvalidData(
        f"{measured} of the kit's {in_kit} blocks have a time, and {needed} are needed; "
        f"measure {needed - measured} more of {lacking}"
    )


def mixed_units(plan: Plan, times: Times, dtype: str) -> tuple[str, list[str]]:
    """Why networks and blocks cannot be in one unit (or nothing), and networks that fit the others badly."""
    if not times.networks:
        return "", []
    predictor = fit_predictor(times.blocks, plan.traces, BYTES_OF_DTYPE[dtype])
    ratios = {}
    for key, true_ms in times.networks.items():
        total = predictor.chain_ms(plan.chains[key], times.blocks, plan.traces) + times.empty_ms
        ratios[key] = true_ms / total if total > 0 else float("nan")
    middle = float(np.median(list(ratios.values())))
    if not 0.05 < middle < 20:
        return (
            f"networks take {middle:.3g} times as long as their blocks together; are both in milliseconds, "
            "and blocks not divided by their copies?"
        ), []
    names = {probe.id: probe.name for probe in plan.networks}
    return "", [
        f"{names[key]} ({key}) takes {times.networks[key]:.4g} ms, {ratio / middle:.2g} times what blocks say"
        for key, ratio in ratios.items()
        if not 1 / OUTLIER < ratio / middle < OUTLIER
    ]


def outliers(
    table: Mapping[Context, Measured], traces: Mapping[Context, Trace], dtype: str, noise_ms: float
) -> list[str]:
    """Blocks more than 3 times off what a fit of the others says.

    Args:
        table: measured blocks.
        traces: their kernels.
        dtype: that they compute in.
        noise_ms: differences below it say nothing.
    """
    blocks = list(table)
    if len(blocks) < 2 * LEAST_BLOCKS:
        return []
    found = []
    folds = np.random.default_rng(0).permutation(len(blocks)) % FOLDS
    for fold in range(FOLDS):
        others = {b: table[b] for b, f in zip(blocks, folds, strict=True) if f != fold}
        predictor = fit_predictor(others, traces, BYTES_OF_DTYPE[dtype])
        for block, f in zip(blocks, folds, strict=True):
            ms, said = table[block].latency_ms, predictor.block_ms(block.op, traces[block].kernels)
            is_far = abs(ms - said) > noise_ms and not said / OUTLIER < ms < said * OUTLIER
            if f == fold and is_far:
                found.append(f"{block_words(block)} takes {ms:.3g} ms; the others say {said:.3g} ms")
    return found


def larger_but_faster(
    table: Mapping[Context, Measured], traces: Mapping[Context, Trace], noise_ms: float
) -> list[str]:
    """Pairs that differ in one size, of which the larger is faster by more than 10 %."""
    groups: dict[tuple[str, str], list[tuple[float, Context]]] = {}
    for block in table:
        sizes = _sizes(block)
        for name, value in sizes.items():
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                rest = json.dumps({k: v for k, v in sizes.items() if k != name}, sort_keys=True)
                groups.setdefault((name, rest), []).append((float(value), block))
    found = []
    for group in groups.values():
        ordered = [block for _, block in sorted(group, key=lambda item: traces[item[1]].macs)]
        for small, large in itertools.pairwise(ordered):
            less, more = table[small].latency_ms, table[large].latency_ms
            is_larger = traces[large].macs > 1.05 * traces[small].macs
            if is_larger and more < (1 - FASTER) * less and less - more > noise_ms:
                found.append(
                    f"{block_words(large)} takes {more:.3g} ms, "
                    f"the smaller {block_words(small)} {less:.3g} ms"
                )
    return found


def _sizes(block: Context) -> dict[str, object]:
    i = block.inputs
    sizes: dict[str, object] = {"op": block.op, "tokens": i.tokens, "extra": str(i.extra_tokens)}
    sizes |= {"side": str(as_scalar(i.size_px)), "width": block.width}
    if i.channels != block.width:
        sizes["channels"] = i.channels
    return sizes | dict(block.args)
