"""``vitnas profile measure``."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vitnas.cli.profile._common import print_summary, print_table

if TYPE_CHECKING:
    from vitnas.hardware.measure.plan import Plan
    from vitnas.hardware.measure.probe import Probe
    from vitnas.hardware.measure.run import MeasureResult
    from vitnas.hardware.measure.session import Visit

NOISY = 0.05  # drift, or spread of a usual block, above which a table is doubtful


def measure(
    space: Annotated[
        str, typer.Option(help="Spaces whose blocks are measured: names or files, with commas.")
    ],
    name: Annotated[str, typer.Option(help="Of the device; writes NAME.yaml and NAME.csv.")],
    runtime: Annotated[
        str, typer.Option(help="onnxruntime, openvino, torch (compiled), torch-eager, or a file.")
    ] = "onnxruntime",
    threads: Annotated[int, typer.Option(help="Threads of the runtime.")] = 1,
    batch: Annotated[int, typer.Option(help="Images a call.")] = 1,
    resolution_px: Annotated[
        int | None, typer.Option(help="Side of the images [default: the space's own].")
    ] = None,
    networks: Annotated[
        int, typer.Option(help="Random whole networks a space: half calibrate, half state the error.")
    ] = 40,
    runs: Annotated[int, typer.Option(help="Timed calls of everything, at least.")] = 30,
    copies: Annotated[
        int, typer.Option(help="Chain so many copies of a block, where a call costs more than a block.")
    ] = 1,
    out: Annotated[Path, typer.Option(help="Folder of the device.")] = Path("hardware_profiles"),
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget what was measured under this name.")] = False,
) -> None:
    """Measure every block of a space on this machine, and make it a device.

    Every distinct block is built, exported and timed in the runtime, then whole networks that check the sums.
    Stop it at any time; the same command goes on. Another --space under the same name adds to the table.
    """
    from vitnas.hardware.measure.run import MeasureSettings, measure_profile

    settings = MeasureSettings(
        spaces=tuple(part.strip() for part in space.split(",") if part.strip()),
        name=name,
        runtime=runtime,
        out=out,
        threads=threads,
        batch=batch,
        resolution_px=resolution_px,
        networks=networks,
        runs=runs,
        copies=copies,
        fresh=fresh,
    )
    with MeasureView() as view:
        result = measure_profile(settings, view)
    print_made(result)


def print_made(result: MeasureResult) -> None:
    """What a profile of a table says of itself."""
    from vitnas.hardware.load import load_device

    profile, table = result.profile, result.profile.table
    assert table is not None and profile.calibration is not None and profile.prediction is not None
    typer.echo(f"{load_device(str(result.path)).label}\n{profile.description}\n{profile.source}")
    typer.echo(
        f"{table.seconds:.0f} s; median IQR of a block {100 * table.median_iqr:.1f} %; "
        f"drift of the reference block {100 * table.drift:.1f} %"
    )
    c, p = profile.calibration, profile.prediction
    typer.echo(
        f"a network: {c.base_ms:.3g} ms + {c.scale:.3f} x the sum of its blocks ({c.networks} networks)\n"
        f"a block that is not in the table: predicted, {100 * p.error:.0f} % off "
        f"({100 * p.unseen_error:.0f} % where its operator is not either)"
    )
    if profile.error is not None:
        from vitnas.hardware.metrics import summarize

        typer.echo(f"\nerror, {profile.error.method}:")
        rows = result.made.held_out
        print_summary(summarize([r.predicted_ms for r in rows], [r.true_ms for r in rows]))
        if not math.isnan(profile.error.macs_only_mape):
            macs_only = f"{100 * profile.error.macs_only_mape:.1f} %"
            typer.echo(f"a line through MACs, on the same networks: MAPE {macs_only}")
        families = profile.error.families.items()
        print_table(
            ("networks", "number", "MAPE %"), [(f, str(n), f"{100 * e:.1f}") for f, (n, e) in families]
        )
    if result.problems:
        typer.echo(f"\n{len(result.problems)} could not be measured:", err=True)
        for probe, reason in result.problems:
            typer.echo(f"  {probe.id} {probe.name}: {reason}", err=True)
    if max(table.median_iqr, table.drift) > NOISY:
        typer.echo(
            "warning: the machine was not quiet, so these figures are worth less: close what else runs and "
            "measure again with --fresh",
            err=True,
        )
    typer.echo(f"\nwrote {result.path}; use it with: vitnas search --target {result.path.stem} ...")


class MeasureView:
    """A bar with the time left on a terminal; a line every twentieth elsewhere, all on stderr."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(stderr=True)
        self._live = console.is_terminal and not console.is_dumb_terminal
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("[dim]{task.fields[last]}[/dim]"),
            console=console,
            disable=not self._live,
        )
        self._task: Any = None
        self._start = time.monotonic()
        self._first = 0

    def __enter__(self) -> MeasureView:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def traced(self, blocks: int) -> None:
        """Show that blocks are listed."""
        if self._task is None:
            self._task = self._bar.add_task("listing blocks", total=None, last="")
        self._bar.update(self._task, completed=blocks)

    def planned(self, plan: Plan, left: int) -> None:
        """Say what there is to do."""
        if self._task is not None:
            self._bar.remove_task(self._task)
        total = len(plan.probes)
        self._first, self._start = total - left, time.monotonic()
        self._say(
            f"{len(plan.blocks)} blocks and {len(plan.networks)} networks of {', '.join(plan.spaces)}"
            + (f"; {total - left} measured before" if left < total else "")
        )
        self._task = self._bar.add_task("measuring", total=total, completed=total - left, last="")

    def visited(self, done: int, total: int, probe: Probe, visit: Visit) -> None:
        """Move on."""
        last = f"{visit.median_ms:.2f} ms {probe.name}" if visit.runs else f"failed {probe.name}"
        if self._live:
            self._bar.update(self._task, completed=done, total=total, last=last[:34])
        elif done == total or done % max(1, total // 20) == 0:
            spent = time.monotonic() - self._start
            left_s = spent / max(1, done - self._first) * (total - done)
            typer.echo(f"measured {done} of {total}, about {left_s:.0f} s left", err=True)

    def warn(self, text: str) -> None:
        """Say it at once."""
        self._say(f"warning: {text}")

    def _say(self, text: str) -> None:
        if self._live:
            self._bar.console.print(text, markup=False, highlight=False)
        else:
            typer.echo(text, err=True)
