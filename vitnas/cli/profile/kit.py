"""``vitnas profile kit``."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from vitnas.hardware.kit.manifest import KitProbe, Manifest
    from vitnas.hardware.kit.write import KitResult


def kit(
    space: Annotated[
        str, typer.Option(help="Spaces whose blocks are to be measured: names or files, with commas.")
    ],
    runtime: Annotated[str, typer.Option(help="coreml or onnx.")],
    out: Annotated[Path, typer.Option(help="Folder of the kit.")],
    batch: Annotated[int, typer.Option(help="Images a call.")] = 1,
    resolution_px: Annotated[
        int | None, typer.Option(help="Side of the images [default: the space's own].")
    ] = None,
    copies: Annotated[
        int | None,
        typer.Option(help="Chain so many copies of a block, as a call may cost more [coreml: 8, onnx: 1]."),
    ] = None,
    networks: Annotated[
        int, typer.Option(help="Random whole networks a space: half calibrate, half state the error.")
    ] = 40,
    blocks: Annotated[
        int | None,
        typer.Option(help="Only so many blocks, of all operators and sizes; the others are predicted."),
    ] = None,
) -> None:
    """Write a folder with which somebody measures a phone, without vitnas.

    One model for every distinct block of the spaces, whole networks that check the sums, scripts and
    instructions. Stop it at any time; the same command goes on. 'vitnas profile import' takes the results.
    """
    from vitnas.hardware.kit.write import KitSettings, write_kit

    settings = KitSettings(
        spaces=tuple(part.strip() for part in space.split(",") if part.strip()),
        runtime=runtime,
        out=out,
        batch=batch,
        resolution_px=resolution_px,
        copies=copies,
        networks=networks,
        blocks=blocks,
    )
    with KitView() as view:
        result = write_kit(settings, view)
    _print_kit(result)


def _print_kit(result: KitResult) -> None:
    manifest = result.manifest
    problems = manifest.problems
    if problems:
        typer.echo(f"{len(problems)} models could not be written:", err=True)
        for probe in problems:
            typer.echo(f"  {probe.id} {probe.name}: {probe.problem}", err=True)
    kinds = [probe.kind for probe in manifest.probes if not probe.problem]
    parts = [(kinds.count("block"), "blocks"), (kinds.count("single"), "of them alone too")]
    parts += [(kinds.count("network"), "networks")]
    typer.echo(
        f"wrote {result.folder}: {len(kinds)} models ("
        + ", ".join(f"{number} {what}" for number, what in parts if number)
        + f", an empty call), chains of {manifest.copies}"
        + (f"; {result.kept} stood there before" if result.kept else "")
    )
    typer.echo(
        f"{result.folder / 'README.md'} says how to measure; then: "
        f"vitnas profile import {result.folder / 'results.csv'} --name ..."
    )


class KitView:
    """A bar with the time left on a terminal; a line every twentieth elsewhere, all on stderr."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(file=sys.stderr)  # by value: converters are silenced by replacing sys.stderr
        self._live = console.is_terminal and not console.is_dumb_terminal
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("[dim]{task.fields[last]}[/dim]"),
            console=console,
            disable=not self._live,
            redirect_stderr=False,
        )
        self._task: Any = None
        self._start = time.monotonic()
        self._first = 0

    def __enter__(self) -> KitView:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def traced(self, blocks: int) -> None:
        """Show that blocks are listed."""
        if self._task is None:
            self._task = self._bar.add_task("listing blocks", total=None, last="")
        self._bar.update(self._task, completed=blocks)

    def planned(self, manifest: Manifest, left: int, size_bytes: int) -> None:
        """Say what there is to do."""
        if self._task is not None:
            self._bar.remove_task(self._task)
        total = len(manifest.probes)
        self._first, self._start = total - left, time.monotonic()
        text = f"{total} models, about {size_bytes / 1e6:,.0f} MB in all"
        text += f"; {total - left} stand there already" if left < total else ""
        if self._live:
            self._bar.console.print(text, markup=False, highlight=False)
        else:
            typer.echo(text, err=True)
        self._task = self._bar.add_task("writing", total=total, completed=total - left, last="")

    def written(self, done: int, total: int, probe: KitProbe) -> None:
        """Move on."""
        last = f"refused {probe.name}" if probe.problem else probe.name
        if self._live:
            self._bar.update(self._task, completed=done, last=last[:34])
        elif done == total or done % max(1, total // 20) == 0:
            spent = time.monotonic() - self._start
            left_s = spent / max(1, done - self._first) * (total - done)
            typer.echo(f"wrote {done} of {total}, about {left_s:.0f} s left", err=True)
