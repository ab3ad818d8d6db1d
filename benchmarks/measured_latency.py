"""A measured table against whole networks that it was not made from, in ONNX Runtime on one thread.

Measures every block of the spaces, as ``vitnas profile measure`` does, and whole networks: half of the random
ones calibrate, the other half and the published ones are predicted. Beside it, on the same networks: a line
through MACs and a roofline over kernels, both fitted to the calibration networks, and the roofline over the
table's blocks, without looking any block up. Run it on a quiet machine; what an interrupted run measured is
kept in --out and not measured again.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import _common as common
import numpy as np

from vitnas.cost.device import BYTES_OF_DTYPE
from vitnas.cost.pricer import price_architecture, trace_architecture
from vitnas.cost.trace import Trace
from vitnas.hardware.devices.measured import MeasuredDevice
from vitnas.hardware.load_device import load_device
from vitnas.hardware.measure.plan import CALIBRATION, PUBLISHED, Plan, make_plan
from vitnas.hardware.measure.predict import BLOCK_PRIOR
from vitnas.hardware.measure.probe import Probe
from vitnas.hardware.measure.reduce import Times, make_table_profile
from vitnas.hardware.measure.run import MeasureSettings, measure_profile, times_of
from vitnas.hardware.measure.session import Session
from vitnas.hardware.roofline.fitting import fit_roofline
from vitnas.hardware.roofline.metrics import ErrorSummary, summarize
from vitnas.hardware.roofline.roofline import BASE, Networks, roofline_features
from vitnas.space.files import load_space

TARGETS = {"efficientformer": 0.05, "efficientformer_v1": 0.05, "vit": 0.06}


class Quiet:
    """A listener that prints a line now and then."""

    def traced(self, blocks: int) -> None: ...

    def planned(self, plan: Plan, left: int) -> None:
        print(f"{len(plan.probes)} probes, {left} left", flush=True)

    def visited(self, done: int, total: int, probe: object, visit: object) -> None:
        if done % 100 == 0:
            print(f"{done} of {total}", flush=True)

    def warn(self, text: str) -> None:
        print(text)


def main() -> None:
    """Run the benchmark."""
    args = common.arguments(__doc__, _options)
    settings = MeasureSettings(
        spaces=tuple(args.space.split(",")),
        name=args.name,
        out=args.out,
        networks=8 if args.quick else 40,
        runs=5 if args.quick else 30,
    )
    made = measure_profile(settings, Quiet())
    device = load_device(str(made.path))
    assert isinstance(device, MeasuredDevice)
    table = made.profile.table
    assert table is not None
    title = f"{made.profile.description}: predicted against measured networks"
    report = common.Report(args.name if args.name != "bench" else "measured_latency", title)
    report.add("distinct blocks measured", table.blocks)
    report.add("all measuring, conversions included", table.seconds, "s")
    report.add("  IQR / median of a block, median", 100 * table.median_iqr, "%")
    report.add("  IQR / median of the reference block", 100 * table.drift, "%")
    p = made.profile.prediction
    assert p is not None
    report.add("a block left out, predicted from kernels", 100 * p.error, "% off")
    report.add("  an operator left out", 100 * p.unseen_error, "% off")
    _compare(report, settings, device)
    common.finish(report, args)


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, default=Path("measured"), help="folder of the measurement")
    parser.add_argument("--space", default="efficientformer,efficientformer_v1")
    parser.add_argument("--name", default="bench")


def _compare(report: common.Report, settings: MeasureSettings, device: MeasuredDevice) -> None:
    plan = make_plan([load_space(name) for name in settings.spaces], networks=settings.networks)
    log = settings.out / f"{settings.name}.measure.jsonl"
    visits = _visits(log)
    times = times_of(plan, visits, settings.runs).networks
    traces = {p.id: trace_architecture(p.architecture) for p in plan.networks if p.architecture}
    used = [key for key in times if plan.roles[key] == CALIBRATION]
    width = BYTES_OF_DTYPE[device.dtype]
    lookups = {key: _looked_up(device, plan, key) for key in times}
    methods = {
        "the table": lookups,
        "roofline over the table's blocks": {
            k: device.base_ms() + device.kernels_ms(traces[k].kernels) for k in times
        },
        "roofline fitted to networks": _roofline(traces, times, used, width),
        "a line through MACs": _line(traces, times, used),
    }
    spaces = {p.id: p.name.split(":")[0].rsplit("-", 1)[0] for p in plan.networks}
    for name in settings.spaces:
        part = make_plan([load_space(name)], networks=settings.networks)
        members = {probe.id for probe in part.probes}
        spent = sum(visit.seconds for visit in visits if visit.probe in members)
        label = f"{name} alone: {len(part.blocks)} blocks, {len(part.networks)} networks"
        report.add(label, spent, "s", target="<= 1200")
        others = [p for p in plan.networks if plan.roles[p.id] == PUBLISHED and p.id not in members]
        if others:
            missed = _missed_elsewhere(part, times_of(part, visits, settings.runs), others, times, device)
            label = f"  {len(others)} published networks of other spaces, predicted from its blocks"
            report.add(label, 100 * missed, "% off")
    for space in plan.spaces:
        own = [k for k in times if spaces[k] == space and plan.roles[k] != CALIBRATION]
        _add(report, space, own, times, methods, TARGETS.get(space))
    if "efficientformer" in plan.spaces:
        chosen = [
            k
            for k in times
            if (plan.roles[k] == PUBLISHED and spaces[k].startswith("efficientformer"))
            or (spaces[k] == "efficientformer" and plan.roles[k] != CALIBRATION)
        ]
        _add(
            report,
            "efficientformer's random and the seven published",
            chosen,
            times,
            methods,
            0.05,
            whole=True,
        )
    report.details["networks"] = [
        {
            "name": p.name,
            "role": plan.roles[p.id],
            "macs": traces[p.id].macs,
            "measured_ms": times[p.id],
            **{name: values[p.id] for name, values in methods.items()},
        }
        for p in plan.networks
        if p.id in times
    ]


def _missed_elsewhere(
    part: Plan, own: Times, others: Sequence[Probe], true_ms: dict[str, float], device: MeasuredDevice
) -> float:
    """Mean relative error of a table on networks of operators that it lacks."""
    conditions = device.profile.conditions
    made = make_table_profile(
        part, own, name="part", kind="measured", description="", conditions=conditions, copies=1
    )
    alone = MeasuredDevice(made.profile, made.table)
    said = [price_architecture(p.architecture, alone)["latency_ms"] for p in others if p.architecture]
    return float(np.mean([abs((ms or 0) / true_ms[p.id] - 1) for ms, p in zip(said, others, strict=True)]))


def _visits(log: Path) -> list:  # type: ignore[type-arg]
    import json

    settings = json.loads(log.read_text().splitlines()[0])["settings"]
    return Session(log, settings).visits


def _looked_up(device: MeasuredDevice, plan: Plan, key: str) -> float:
    return device.base_ms() + sum(device.block_ms(b, plan.traces[b].kernels) for b in plan.chains[key])


def _roofline(
    traces: dict[str, Trace], times: dict[str, float], used: Sequence[str], width: int
) -> dict[str, float]:
    features = {key: roofline_features(traces[key].kernels, width) for key in times}
    truth = np.array([times[key] for key in used])
    prior = {**BLOCK_PRIOR, BASE: 0.1}
    values = fit_roofline([features[k] for k in used], truth, np.ones(len(used)), prior=prior)
    latency = Networks([features[k] for k in times]).latency_ms(values)
    return dict(zip(times, latency.tolist(), strict=True))


def _line(traces: dict[str, Trace], times: dict[str, float], used: Sequence[str]) -> dict[str, float]:
    """Base and rate by least squares of relative errors."""
    from scipy.optimize import nnls

    truth = np.array([times[key] for key in used])
    macs = np.array([traces[key].macs / 1e9 for key in used])
    (base, rate), _ = nnls(np.stack([1 / truth, macs / truth], axis=1), np.ones(len(used)))
    return {key: float(base + rate * traces[key].macs / 1e9) for key in times}


def _add(
    report: common.Report,
    label: str,
    keys: Sequence[str],
    times: dict[str, float],
    methods: dict[str, dict[str, float]],
    target: float | None,
    *,
    whole: bool = False,
) -> None:
    truth = [times[key] for key in keys]
    found: dict[str, ErrorSummary] = {
        name: summarize([values[key] for key in keys], truth) for name, values in methods.items()
    }
    best = found["the table"]
    limit = f"<= {100 * target:g}" if target else ""
    report.add(f"{label} ({len(keys)} networks): MAPE, the table", 100 * best.mape, "%", target=limit)
    for name, summary in list(found.items())[1:]:
        report.add(f"  {name}", 100 * summary.mape, "%", beside="the table", other=100 * best.mape)
    share, rank = (">= 95", ">= 0.98") if whole else ("", "")
    report.add("  within 10 %, the table", 100 * best.within_10, "%", target=share)
    report.add("  Spearman, the table", best.spearman, target=rank)
    for name, summary in list(found.items())[1:]:
        report.add(f"  Spearman, {name}", summary.spearman)
    report.details[label] = {name: summary.to_dict() for name, summary in found.items()}


if __name__ == "__main__":
    main()
