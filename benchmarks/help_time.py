"""Wall time of ``vitnas --help``, beside an interpreter that does nothing and one that imports torch."""

from __future__ import annotations

import functools
import statistics
import subprocess
import sys
from pathlib import Path

import _common as common

IMPORTED = """
import contextlib, io, json, sys
sys.argv = ["vitnas", "--help"]
from vitnas.cli.main import main
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main()
packages = ("torch", "numpy", "optuna", "scipy", "rich", "typer", "yaml")
print(json.dumps([name for name in packages if name in sys.modules]))
"""


def main() -> None:
    """Run the benchmark."""
    args = common.arguments(__doc__)
    script = Path(sys.executable).with_name("vitnas")
    vitnas = [str(script)] if script.is_file() else [sys.executable, "-m", "vitnas"]
    commands = {
        "help": [*vitnas, "--help"],
        "pass": [sys.executable, "-c", "pass"],
        "torch": [sys.executable, "-c", "import torch"],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(3 if args.quick else 10):  # in turns, so that they share whatever else the machine does
        for name, command in commands.items():
            call = functools.partial(subprocess.run, command, check=True, stdout=subprocess.DEVNULL)
            elapsed = common.seconds(call)
            if turn:  # the first one fills the file cache
                times[name].append(elapsed)
    medians = {name: statistics.median(values) for name, values in times.items()}
    loaded = common.run_python(IMPORTED)
    report = common.Report("help_time", "vitnas --help, wall time, median of 9 runs")
    called = "the installed script" if script.is_file() else "python -m vitnas"
    report.add(
        f"vitnas --help ({called})", medians["help"], "s", target="<= 0.4",
        beside="python -c 'import torch'", other=medians["torch"],
    )  # fmt: skip
    report.add("python -c pass", medians["pass"], "s", beside="vitnas --help", other=medians["help"])
    report.add("torch imported by --help (0 no, 1 yes)", "torch" in loaded, target="<= 0")
    report.notes.append(f"of the larger packages, --help imports: {', '.join(loaded) or 'none'}")
    report.details = {"seconds": times, "imported": loaded}
    common.finish(report, args)


if __name__ == "__main__":
    main()
