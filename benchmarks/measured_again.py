"""A measured device against other networks, at another time, on the machine that it was measured on.

Draws networks that neither the table nor its calibration nor its check saw, times them in ONNX Runtime as the
table was, and prints how far the device is off: the error in the profile is that of one session, and the pace
of a shared machine moves from one to the next. The bias is the median of predicted / measured.
"""

from __future__ import annotations

import argparse

import _common as common
import numpy as np

from vitnas.cost.table import CostTable
from vitnas.hardware.load_device import load_device
from vitnas.hardware.measure.probe import network_probe
from vitnas.hardware.measure.runtimes.onnxruntime import Onnxruntime
from vitnas.hardware.measure.timing import RUNS, time_probe
from vitnas.hardware.roofline.metrics import summarize
from vitnas.space.files import load_space

SEED = 12345


def main() -> None:
    """Run the benchmark."""
    args = common.arguments(__doc__, _options)
    device, runtime = load_device(args.device), Onnxruntime(1)
    report = common.Report("measured_again", f"{args.device}: other networks, at another time")
    for name in args.space.split(","):
        space = load_space(name)
        genomes = space.sample(4 if args.quick else 20, np.random.default_rng(SEED))
        predicted = CostTable.cached(space, device).price(genomes)["latency_ms"]
        measured = []
        for genome in genomes:
            probe = network_probe(name, space.decode(genome))
            timed = runtime.prepare(probe.module(), probe.example())
            measured.append(time_probe(timed, RUNS)[0])
        found = summarize(predicted.tolist(), measured)
        bias = float(np.median(predicted / np.array(measured)))
        report.add(f"{name} ({found.n} networks): MAPE", 100 * found.mape, "%")
        report.add("  bias", 100 * (bias - 1), "%")
        report.add(
            "  MAPE without the bias", 100 * float(np.mean(np.abs(predicted / bias / measured - 1))), "%"
        )
        report.add("  Spearman", found.spearman)
        report.details[name] = {"predicted_ms": predicted.tolist(), "measured_ms": measured}
    common.finish(report, args)


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="xeon_ort")
    parser.add_argument("--space", default="efficientformer,efficientformer_v1,vit")


if __name__ == "__main__":
    main()
