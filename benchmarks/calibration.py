"""Carrying one phone's profile to another by a few measured networks: error on networks not measured there.

AI Hub devices, float networks on the NPU, TFLite; every ordered pair of devices. A roofline is fitted to the
source's latencies, transferred by n random networks of the target, and judged on the target's other networks:

- unseen: the source's fit has not seen the networks that are judged, nor any of their families, and none of
  them is measured on the target: 5 folds of families. This is the case of a network from a search.
- seen: the source's fit has seen them on the source; only the target's latencies are unknown.

Beside it the table-to-table map: a network's latency on the source times one factor, so that it can answer
only for networks that somebody measured on the source; first on all float networks, then on ours.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import math
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import _common as common
import numpy as np
from numpy.typing import NDArray
from profile_rows import AIHUB_NETWORKS

from vitnas.hardware.published.latency_rows import LatencyRow
from vitnas.hardware.published.published_networks import network_trace
from vitnas.hardware.roofline.fitting import Sample, fit, fit_roofline
from vitnas.hardware.roofline.priors import HARDWARE
from vitnas.hardware.roofline.roofline import (
    BASE,
    COEFFICIENTS,
    Networks,
    RooflineFeatures,
    roofline_features,
)
from vitnas.hardware.transfer.scale_prices import (
    LEAST_NETWORKS,
    METHODS,
    Known,
    leave_one_out_ms,
    method_for,
    transfer,
)

DATA = Path(__file__).parents[2] / "shared" / "data" / "latency" / "aihub.csv"
MEASURED = (1, 3, 5, 10, 15, 20)
FOLDS = 5
LEAST_SHARED = 26  # 20 to measure, and some to judge
BEFORE = {0: 69.0, 1: 28.6, 3: 25.7, 10: 24.1, 20: 23.0}  # per cent; found when the data was collected
PX = 224  # exported so, also EfficientNet-B4 and V2-S, whose cards name the size of their training
FAMILY = {network: family for network, (_, family) in AIHUB_NETWORKS.items()}
HEXAGON = HARDWARE["hexagon"]

Latencies = dict[str, dict[str, float]]  # device -> network -> ms
Errors = dict[tuple[str, int], list[float]]  # (method, networks measured) -> mean relative error of each draw


def main() -> None:
    """Run the benchmark."""
    args = common.arguments(__doc__, _options)
    if not args.data.is_file():
        sys.exit(f"error: no file {args.data}; --data names the AI Hub latencies (aihub.csv)")
    latencies = read(args.data)
    ours = {device: {n: ms for n, ms in row.items() if n in FAMILY} for device, row in latencies.items()}
    ours = {device: row for device, row in ours.items() if len(row) >= LEAST_SHARED}
    features = {
        network: roofline_features(network_trace(name, PX).kernels, 2)
        for network, (name, _) in AIHUB_NETWORKS.items()
    }
    study = Study(ours, features)
    found = {
        "table map, all": table_map(latencies, 2 if args.quick else 40),
        "table map, ours": table_map(ours, 2 if args.quick else 40),
        "unseen": study.unseen(1 if args.quick else 3),
        "seen": study.seen(2 if args.quick else 10),
    }
    report = common.Report("calibration", "Carrying one AI Hub phone to another by a few measured networks")
    describe(report, found, study.stated, len(ours), len(latencies))
    common.print_table(table(found))
    common.finish(report, args)


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, default=DATA, help="AI Hub latencies [default: ../shared/...]")


def read(path: Path) -> Latencies:
    """Float networks on the NPU with TFLite."""
    found: Latencies = defaultdict(dict)
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if (row["precision"], row["runtime"], row["unit"]) != ("float", "tflite", "NPU"):
                continue
            part = "" if row["model_id"] in FAMILY else f"/{row['component']}"
            found[row["device"]][row["model_id"] + part] = float(row["latency_ms"])
    return dict(found)


def shared(latencies: Latencies, source: str, target: str) -> list[str]:
    """Networks that both devices have."""
    return sorted(latencies[source].keys() & latencies[target].keys())


def table_map(latencies: Latencies, draws: int) -> Errors:
    """log target = log source + the mean difference over the measured networks."""
    rng = np.random.default_rng(0)
    errors: Errors = defaultdict(list)
    for source, target in itertools.permutations(sorted(latencies), 2):
        networks = shared(latencies, source, target)
        logs = np.log([latencies[target][n] / latencies[source][n] for n in networks])
        errors["table map", 0].append(float(np.abs(np.exp(-logs) - 1).mean()))
        for _ in range(draws):
            order = rng.permutation(len(networks))
            for n in MEASURED:
                factor, others = logs[order[:n]].mean(), logs[order[n:]]
                errors["table map", n].append(float(np.abs(np.exp(factor - others) - 1).mean()))
    return errors


class Study:
    """Our profiles, transferred.

    Attributes:
        stated: networks measured -> (leave-one-out error, band as printed, error on unseen networks).
    """

    def __init__(self, latencies: Latencies, features: Mapping[str, RooflineFeatures]) -> None:
        self.latencies = latencies
        self.features = features
        self.stated: dict[int, list[tuple[float, float, float]]] = defaultdict(list)
        self._rng = np.random.default_rng(0)

    def unseen(self, draws: int) -> Errors:
        """Whole families are unknown to the source's fit, and not measured on the target."""
        errors: Errors = defaultdict(list)
        own = {device: self._own_error(device) for device in self.latencies}
        for source, target in itertools.permutations(sorted(self.latencies), 2):
            for _ in range(draws):
                both = shared(self.latencies, source, target)
                missed: Errors = defaultdict(list)
                for judged in self._folds(both):
                    seen = [n for n in self.latencies[source] if n not in judged]
                    coefficients = self._fit(source, seen)
                    pool = [n for n in both if n not in judged]
                    self._judge(coefficients, target, pool, judged, missed, own_error=own[source])
                for key, values in missed.items():
                    errors[key].append(float(np.mean(values)))
        return errors

    def seen(self, draws: int) -> Errors:
        """The source's fit has seen all networks, on the source."""
        errors: Errors = defaultdict(list)
        for source, target in itertools.permutations(sorted(self.latencies), 2):
            both = shared(self.latencies, source, target)
            coefficients = self._fit(source, sorted(self.latencies[source]))
            for _ in range(draws):
                order = [both[i] for i in self._rng.permutation(len(both))]
                most = max(MEASURED)
                missed: Errors = defaultdict(list)
                self._judge(coefficients, target, order[:most], order[most:], missed)
                for key, values in missed.items():
                    errors[key].append(float(np.mean(values)))
        return errors

    def _folds(self, networks: Sequence[str]) -> list[list[str]]:
        families = sorted({FAMILY[n] for n in networks})
        fold = {families[k]: i % FOLDS for i, k in enumerate(self._rng.permutation(len(families)))}
        return [[n for n in networks if fold[FAMILY[n]] == k] for k in range(FOLDS)]

    def _fit(self, device: str, networks: Sequence[str]) -> dict[str, float]:
        values = fit_roofline(
            [self.features[n] for n in networks], self._ms(device, networks), np.ones(len(networks))
        )
        return dict(zip(COEFFICIENTS, values.tolist(), strict=True))

    def _own_error(self, device: str) -> float:
        """Of a fit, by leaving out families, as a profile states it."""
        rows = [
            Sample(LatencyRow(n, PX, ms, family=FAMILY[n]), self.features[n], frozenset())
            for n, ms in self.latencies[device].items()
        ]
        return fit(rows, ridge=HEXAGON.ridge, prior=HEXAGON.prior).error.mape

    def _ms(self, device: str, networks: Sequence[str]) -> NDArray[np.float64]:
        return np.array([self.latencies[device][n] for n in networks])

    def _known(self, coefficients: Mapping[str, float], networks: Sequence[str]) -> Known:
        features = tuple(self.features[n] for n in networks)
        total = Networks(features).latency_ms(np.array([coefficients[name] for name in COEFFICIENTS]))
        return Known(coefficients[BASE], total - coefficients[BASE], features, coefficients)

    def _judge(
        self,
        coefficients: Mapping[str, float],
        target: str,
        pool: Sequence[str],
        judged: Sequence[str],
        missed: Errors,
        *,
        own_error: float | None = None,
    ) -> None:
        """Transfer by some of the pool, and note the relative errors on the judged networks."""
        others, others_ms = self._known(coefficients, judged), self._ms(target, judged)
        missed["automatic", 0] += _errors(others.network_ms(), others_ms)
        order = [pool[i] for i in self._rng.permutation(len(pool))]
        for n in MEASURED:
            known, true_ms = self._known(coefficients, order[:n]), self._ms(target, order[:n])
            automatic = method_for(max(n, LEAST_NETWORKS), refittable=True)
            for method in METHODS:
                if n < LEAST_NETWORKS and method != automatic:
                    continue
                found = _errors(transfer(known, true_ms, method).network_ms(others), others_ms)
                missed[method, n] += found
                if method == automatic:
                    missed["automatic", n] += found
                    if own_error is not None and n >= LEAST_NETWORKS:
                        held_out = leave_one_out_ms(known, true_ms, method)
                        left_out = float(np.mean(_errors(held_out, true_ms)))
                        self.stated[n].append(
                            (left_out, math.hypot(left_out, own_error), float(np.mean(found)))
                        )


def _errors(predicted_ms: NDArray[np.float64], true_ms: NDArray[np.float64]) -> list[float]:
    return [float(error) for error in np.abs(predicted_ms / true_ms - 1)]


def percent(errors: Errors, method: str, n: int) -> float:
    """Median over pairs of devices and draws; nan if there is none."""
    values = errors.get((method, n), [])
    return 100 * float(np.median(values)) if values else float("nan")


def table(found: Mapping[str, Errors]) -> list[tuple[str, ...]]:
    """Error in per cent against the number of measured networks."""
    counts = (0, *MEASURED)
    rows = [("error %, median over pairs and draws; measured:", *map(str, counts))]
    before = ("" if n not in BEFORE else f"{BEFORE[n]:.1f}" for n in counts)
    rows.append(("table map, all float networks, as found before", *before))
    for case, errors in found.items():
        for method in sorted({method for method, _ in errors}):
            name = case if method == "table map" else f"{case}: {method}"
            figures = (percent(errors, method, n) for n in counts)
            rows.append((name, *("" if np.isnan(f) else f"{f:.1f}" for f in figures)))
    return rows


def describe(
    report: common.Report,
    found: Mapping[str, Errors],
    stated: Mapping[int, list[tuple[float, float, float]]],
    ours: int,
    everyone: int,
) -> None:
    """Figures, details and notes."""
    everything = "table map, all float networks"
    mapped = {n: percent(found["table map, all"], "table map", n) for n in (0, *MEASURED)}
    for case in ("unseen", "seen"):
        for n, other in mapped.items():
            method = method_for(max(n, LEAST_NETWORKS), refittable=True) if n else "as it is"
            value = percent(found[case], "automatic", n)
            report.add(
                f"{n} measured, {case} networks ({method})", value, "%", beside=everything, other=other
            )
    for n, before in BEFORE.items():
        report.add(f"{n} measured, {everything}", mapped[n], "%", beside="as found before", other=before)
    for n, triples in sorted(stated.items()):
        left_out, band, true = 100 * np.median(np.array(triples), axis=0)
        beside = {"beside": "error on unseen networks", "other": true}
        report.add(f"{n} measured: leave-one-out error", left_out, "%", **beside)
        report.add(f"{n} measured: band as printed", band, "%", **beside)
    report.details = {
        case: {f"{method}, {n}": summary(values) for (method, n), values in sorted(errors.items())}
        for case, errors in found.items()
    }
    pairs, all_pairs = ours * (ours - 1), everyone * (everyone - 1)
    report.notes = [
        f"{len(FAMILY)} classifiers on {ours} devices with {LEAST_SHARED} of them or more, {pairs} pairs; "
        f"the table map of all float networks on {everyone} devices, {all_pairs} ordered pairs",
        "mean absolute relative errors on networks not measured on the target, median over pairs and draws",
        "unseen: the source's fit saw neither the judged networks nor their families, and none of them is "
        "measured; seen: it saw them on the source",
        "the table map knows each judged network's latency on the source; it has no answer for a new network",
    ]


def summary(values: Sequence[float]) -> dict[str, Any]:
    """Of the errors of all pairs and draws, in per cent."""
    percents = 100 * np.array(values)
    quartiles = [float(q) for q in np.quantile(percents, [0.25, 0.5, 0.75])]
    return {"draws": len(values), "mean": float(percents.mean()), "quartiles": quartiles}


if __name__ == "__main__":
    main()
