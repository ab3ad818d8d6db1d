"""A funnel on CIFAR-10 with two cores: 1,000,000 candidates priced, a proxy on 1,000, short trainings of 16.

    vitnas search --space cifar32 --max-macs 1M --trials 300k --then naswot:1000 --then train:16 --data FILE

Most of the priced candidates are above the budget or known already, so that the search stops at some 230,000.
``--data`` names labelled images as ``vitnas search --data`` takes them: the JPEG copy of CIFAR-10 for the
record. Validation images are held out of train; test is not read. Below stands how well each cheaper score
ranks the networks that were trained: a score is not an accuracy.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import _common as common
import numpy as np
from scipy.stats import kendalltau

from vitnas.space.files import load_space

SPACE = """\
name: cifar32
description: small hybrids of convolution and attention for images of 32 pixels
input: {channels: 3, resolution_px: 32}
classes: 10
stem: {op: conv_stem}
stages:
  - width: {range: [12, 40]}
    blocks:
      - {op: conv_ffn, repeat: {range: [1, 4]}, expansion: {choice: [1, 2, 3, 4]}}
  - down: {op: conv_down}
    width: {range: [24, 96]}
    blocks:
      - {op: conv_ffn, repeat: {range: [1, 4]}, expansion: {choice: [1, 2, 3, 4]}}
      - op: attention_ffn
        repeat: {range: [0, 3]}
        expansion: {choice: [1, 2, 3, 4]}
        heads: {choice: [2, 4]}
        key_dim: 16
head: {op: pooled_classifier}
recipe:
  optimizer: adamw
  learning_rate: 0.002
  learning_rate_batch: 128
  weight_decay: 0.02
  warmup_epochs: 1
"""

OBJECTIVES = ("quality", "macs", "params", "activations")


def more(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, help="labelled images of 32 px, ten classes")
    parser.add_argument("--epochs", type=int, default=6, help="of a training at most [default: 6]")
    parser.add_argument("--workers", type=int, default=2, help="[default: 2]")


def options(args: Any) -> list[str]:
    trials, proxied, trained = ("20k", 20, 2) if args.quick else ("300k", 1000, 16)
    epochs = 1 if args.quick else args.epochs
    return [
        *("--space", "cifar32", "--max-macs", "1M", "--trials", trials, "--front", str(trained)),
        *(part for name in OBJECTIVES for part in ("--objective", name)),
        *("--then", f"naswot:{proxied}", "--then", f"train:{trained}"),
        *("--data", str(args.data.resolve()), "--epochs", str(epochs), "--workers", str(args.workers)),
    ]


def run(folder: Path, args: Any) -> dict[str, Any]:
    """The command in a folder; what it printed, took and wrote."""
    (folder / "search_spaces").mkdir()
    (folder / "search_spaces" / "cifar32.yaml").write_text(SPACE, encoding="utf-8")
    command = [sys.executable, "-m", "vitnas", "search", *options(args), "--name", "demo"]
    loads = [os.getloadavg()[0]]
    started = time.time()
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, check=True, text=True)
    seconds = time.time() - started
    loads.append(os.getloadavg()[0])
    own = folder / "runs" / "demo"
    read = {name: json.loads((own / f"{name}.json").read_text()) for name in ("manifest", "front", "rungs")}
    log = [json.loads(line) for line in (own / "evaluations.jsonl").read_text().splitlines()]
    return {"printed": done.stdout, "seconds": seconds, "loads": loads, "log": log, **read}


def trained(found: dict[str, Any], folder: Path) -> list[dict[str, Any]]:
    """The trained networks: accuracy, epochs, and what cheaper scores said of them."""
    space = load_space(str(folder / "search_spaces" / "cifar32.yaml"))
    records = {space.decode(np.array(r["genome"], np.uint8)).id: r for r in found["log"] if "epochs" in r}
    proxied = {c["genome"]: c["score"] for c in found["rungs"]["rungs"][0]["candidates"]}
    rows = []
    for candidate in found["rungs"]["rungs"][1]["candidates"]:
        genome = candidate["genome"]
        own = records[space.decode(np.frombuffer(bytes.fromhex(genome), np.uint8)).id]
        rows.append(
            {
                "id": own["id"],
                "accuracy": candidate["score"],
                "epochs": own["epochs"],
                "accuracies": own["accuracies"],
                "naswot": proxied[genome],
                "seconds": own["seconds"],
                "winner": candidate["front"],
                **{name: own["costs"][name] for name in ("params", "macs")},
            }
        )
    return rows


def agreement(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Kendall's tau of each cheap score with the accuracy after the first epoch, which all networks have."""
    first = [row["accuracies"][0] for row in rows]
    return {
        name: float(kendalltau([row[name] for row in rows], first).statistic)
        for name in ("naswot", "params", "macs")
    }


def main() -> None:
    """Run the benchmark."""
    args = common.arguments(__doc__, more)
    report = common.Report("funnel_demo", f"A funnel on CIFAR-10 (JPEG copy, 32 px), {args.workers} workers")
    with tempfile.TemporaryDirectory() as place:
        found = run(Path(place), args)
        rows = trained(found, Path(place))
    print(found["printed"])
    report.add("whole run", found["seconds"] / 60, "min", target="<= 15")
    for rung in found["manifest"]["rungs"]:
        name = f"{rung['quality']}: {rung['input']:,} in, {rung['output']:,} out"
        report.add(name, rung["seconds"], "s")
    best, first = (max(row[key] for row in rows) for key in ("accuracy", "naswot"))
    chosen = next(row["accuracy"] for row in rows if row["naswot"] == first)
    report.add("best accuracy", best, "%", beside="of the network that naswot puts first", other=chosen)
    taus = agreement(rows)
    for name, tau in taus.items():
        report.add(f"tau of {name} with the accuracy after one epoch, {len(rows)} networks", tau)
    report.notes.append(f"load average before and after: {found['loads'][0]:.1f} and {found['loads'][1]:.1f}")
    report.notes += [note for rung in found["manifest"]["rungs"] for note in rung.get("notes", [])]
    report.details = {"rungs": found["manifest"]["rungs"], "trained": rows, "loads": found["loads"]}
    command = " ".join(["vitnas search", *options(args)])
    report.details["command"] = command.replace(str(args.data.resolve()), "FILE")
    common.finish(report, args)


if __name__ == "__main__":
    main()
