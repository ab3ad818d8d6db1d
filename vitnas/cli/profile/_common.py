"""What the profile commands print with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from vitnas.hardware.metrics import ErrorSummary
    from vitnas.hardware.rows import LatencyRow


def print_summary(summary: ErrorSummary) -> None:
    """Two lines of errors."""
    typer.echo(
        f"n {summary.n}   MAPE {100 * summary.mape:.1f} %   "
        f"median error {100 * summary.median_error:.1f} %   90 % quantile {100 * summary.p90:.1f} %\n"
        f"within 10 %: {100 * summary.within_10:.0f} %   within 20 %: {100 * summary.within_20:.0f} %   "
        f"Spearman {summary.spearman:.3f}   Kendall {summary.kendall:.3f}"
    )


def print_skipped(skipped: Sequence[tuple[LatencyRow, str]]) -> None:
    """Rows that could not be used, each with its reason."""
    if skipped:
        typer.echo(f"\nskipped {len(skipped)} rows:")
        print_table(
            ("line", "model", "reason"), [(str(r.line), r.model or r.timm_name, why) for r, why in skipped]
        )


def print_table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    """A rich table on a terminal, aligned text elsewhere."""
    from rich.console import Console
    from rich.table import Table

    lines = list(rows)
    console = Console()
    if console.is_terminal:
        table = Table(*header)
        for line in lines:
            table.add_row(*line)
        console.print(table)
        return
    widths = [max(len(line[i]) for line in (header, *lines)) for i in range(len(header))]
    for line in (header, *lines):
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


class Progress:
    """A line on the terminal's error stream that says which network is being traced; silent elsewhere."""

    def __init__(self, verb: str) -> None:
        from rich.console import Console

        self._verb = verb
        self._status = Console(stderr=True).status(verb)
        self._shown = Console(stderr=True).is_terminal

    def __enter__(self) -> Progress:
        if self._shown:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            self._status.stop()

    def __call__(self, row: LatencyRow) -> None:
        self._status.update(f"{self._verb} {row.timm_name or row.model}")
