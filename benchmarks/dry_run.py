"""How long ``vitnas search --dry-run`` says that a search takes, beside how long it takes.

    python benchmarks/dry_run.py [--trials 200k] [--space NAME ...] [--workers 1]

Every space that is shipped, without a device and with a small one (512 KiB for int8 activations). Both
commands are fresh processes, one after the other; the cost table is built before them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import _common as common
import yaml

from vitnas import plugins

ROOT = Path(__file__).parent.parent
SMALL = "small"
LIMIT_BYTES = 512 * 1024


def command(folder: str, *options: str) -> tuple[float, str, str]:
    """Wall-clock seconds of ``vitnas search``, and what it printed."""
    environment = {"PYTHONPATH": str(ROOT), **os.environ}
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "vitnas", "search", *options],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return time.perf_counter() - started, done.stdout, done.stderr


def compare(folder: str, space: str, target: str | None, options: list[str]) -> dict[str, Any]:
    """One search and its dry run."""
    which = ["--space", space, *(["--target", target] if target else []), *options]
    command(folder, *which, "--dry-run")  # builds the table
    dry_s, out, error = command(folder, *which, "--dry-run", "--json")
    if not out:
        return {"space": space, "target": target, "error": error.strip()}
    dry = json.loads(out)
    real_s, out, error = command(folder, *which, "--json")
    real = json.loads(out)
    return {
        "space": space,
        "target": target,
        "predicted_s": dry["seconds"],
        "real_s": real_s,
        "ratio": dry["seconds"] / real_s,
        "dry_run_s": dry_s,
        "predicted_trials": dry["trials"],
        "real_trials": real["trials"],
        "exhaustive": real["exhaustive"],
    }


def small_device(folder: Path) -> None:
    """A profile beside the searches: a microcontroller with little memory."""
    profile = yaml.safe_load((ROOT / "hardware_profiles" / "stm32f746.yaml").read_text(encoding="utf-8"))
    profile |= {"name": "small-int8-512kib-v1", "limits": {"peak_bytes": LIMIT_BYTES}}
    (folder / "hardware_profiles").mkdir()
    (folder / "hardware_profiles" / f"{SMALL}.yaml").write_text(yaml.safe_dump(profile), encoding="utf-8")


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--trials", help="of both, where the default takes long")
    parser.add_argument("--space", action="append", help="in place of all")
    parser.add_argument("--workers", default="1")


def main() -> None:
    """Run the benchmark."""
    args = common.arguments(__doc__, _arguments)
    options = ["--workers", args.workers, *(["--trials", args.trials] if args.trials else [])]
    report = common.Report("dry_run", "Seconds that a dry run says, beside those of the search")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        small_device(Path(folder))
        for space in args.space or sorted(plugins.list_data("search_spaces")):
            for target in (None, SMALL):
                row = compare(folder, space, target, options)
                rows.append(row)
                print(row, file=sys.stderr, flush=True)
                if "ratio" in row:
                    label = f"{space}{f' for {target}' if target else ''}: predicted"
                    report.add(label, row["predicted_s"], "s", beside="real", other=row["real_s"])
    ratios = [row["ratio"] for row in rows if "ratio" in row]
    report.add("largest factor between the two", max(max(r, 1 / r) for r in ratios), target="<= 2")
    report.add(
        "longest dry run", max(row["dry_run_s"] for row in rows if "ratio" in row), "s", target="<= 10"
    )
    report.notes = [f"{row['space']} for {row['target']}: {row['error']}" for row in rows if "error" in row]
    report.details = {"rows": rows, "options": options}
    common.finish(report, args)


if __name__ == "__main__":
    main()
