"""The same blocks timed by a kit's own script and by `vitnas profile measure`, on this machine.

Both run ONNX Runtime on one thread, each in a process of its own, one after the other. The ratio of the two
tables says what the way through a kit costs in truth; a machine that is busy shows in the spread.
"""

from __future__ import annotations

import csv
import subprocess
import sys
import tempfile
from pathlib import Path

import _common as common
import numpy as np

from vitnas.hardware.load_device import load_device
from vitnas.hardware.profile.block_table import block_words

SPACE = """
name: small
input: {channels: 3, resolution_px: 112}
classes: 100
stem: {op: conv_stem, activation: gelu}
stages:
  - width: {choice: [24, 32, 40]}
    blocks:
      - {op: conv_ffn, repeat: {range: [1, 2]}, expansion: {choice: [2, 3, 4]}}
  - down: {op: conv_down}
    width: {choice: [64, 96]}
    blocks:
      - {op: conv_ffn, repeat: {range: [1, 2]}, expansion: {choice: [2, 4]}}
      - {op: attention_ffn, repeat: {range: [0, 1]}, expansion: {choice: [2, 4]}}
head: {op: pooled_classifier, distilled: true, norm: batch}
"""


def vitnas(*arguments: str, cwd: Path) -> None:
    """Run a command of vitnas."""
    code = "import sys; from vitnas.cli.main import main; main(sys.argv[1:])"
    subprocess.run([sys.executable, "-c", code, *arguments], cwd=cwd, check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    """Run the benchmark."""
    args = common.arguments(__doc__)
    networks, runs = ("4", "5") if args.quick else ("20", "30")
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        (here / "small.yaml").write_text(SPACE)
        given = ("--space", "small.yaml", "--networks", networks)
        vitnas("profile", "kit", *given, "--runtime", "onnx", "--out", "kit", cwd=here)
        script = [sys.executable, "kit/measure.py", "--runs", runs]
        kit_s = common.seconds(lambda: subprocess.run(script, cwd=here, check=True))
        vitnas("profile", "import", "kit/results.csv", "--name", "by-kit", cwd=here)
        vitnas("profile", "measure", *given, "--name", "here", "--runs", runs, cwd=here)
        profiles = here / "hardware_profiles"
        kit, measured = (load_device(str(profiles / f"{name}.yaml")) for name in ("by-kit", "here"))
        with (here / "kit" / "results.csv").open() as file:
            rows = len(list(csv.DictReader(file)))
    assert kit.table.keys() == measured.table.keys()
    ratios = {b: kit.table[b].latency_ms / measured.table[b].latency_ms for b in kit.table}
    low, middle, high = np.quantile(list(ratios.values()), [0.25, 0.5, 0.75])
    report = common.Report("kit_round_trip", f"A kit's script beside measure: {len(ratios)} blocks")
    report.add("median of kit / measure over blocks", middle)
    report.add("  a quarter of the blocks is below", low)
    report.add("  a quarter of the blocks is above", high)
    report.add("blocks within 10 %", 100 * np.mean([abs(r - 1) <= 0.1 for r in ratios.values()]), "%")
    report.add("empty call, kit", 1e3 * kit.profile.table.empty_ms, "us",
               beside="measure", other=1e3 * measured.profile.table.empty_ms)  # fmt: skip
    for name, device in (("kit", kit), ("measure", measured)):
        if device.profile.error is not None:
            report.add(f"held-out error, {name}", 100 * device.profile.error.mape, "%")
    report.add("seconds of the kit's script", kit_s, "s")
    report.details = {"rows": rows, "ratios": {block_words(b): round(r, 4) for b, r in ratios.items()}}
    common.finish(report, args)


if __name__ == "__main__":
    main()
