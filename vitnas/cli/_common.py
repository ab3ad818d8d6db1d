"""What commands print with: tables, JSON, a console. Everything stays plain where stdout is no terminal."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import typer

from vitnas.cli._settings import in_options
from vitnas.plain import plain, printable, printable_json

if TYPE_CHECKING:
    from rich.console import Console

    from vitnas.report.terminal.live import LiveView
    from vitnas.report.terminal.plain_view import PlainView

PLAIN_WIDTH = 80  # of tables in a file or a pipe
GAP = "  "
NARROWEST = 12  # a wrapped column keeps this many characters


def is_terminal() -> bool:
    """Whether stdout is a terminal; if not, print plain text and no live view."""
    return sys.stdout.isatty()


def console(*, stderr: bool = False) -> Console:
    """A rich console for live views; it strips colours where it does not write to a terminal."""
    from vitnas.report.console import SafeConsole

    return SafeConsole(stderr=stderr, soft_wrap=not is_terminal())


def say(text: str = "", *, err: bool = False, nl: bool = True) -> None:
    """A text on stdout or stderr: every one that a command prints, for parts of it come from files."""
    typer.echo(printable(text), err=err, nl=nl)


def view(as_json: bool, time_s: float | None = None) -> LiveView | PlainView:
    """Live on a terminal; plain lines on stderr where one of the streams is none, or with ``--json``."""
    from vitnas.report.terminal.live import LiveView
    from vitnas.report.terminal.plain_view import PlainView

    errors = console(stderr=True)
    live = is_terminal() and errors.is_terminal and not errors.is_dumb_terminal
    if live and not as_json:
        return LiveView(errors, time_s=time_s, words=in_options)
    return PlainView(sys.stderr, time_s=time_s, words=in_options)


def width() -> int:
    """Columns that a table may take."""
    return shutil.get_terminal_size().columns if is_terminal() else PLAIN_WIDTH


def print_json(data: Any) -> None:
    """One JSON document on stdout; figures that are no numbers (nan, infinity) become null."""
    typer.echo(printable_json(json.dumps(plain(data), indent=2, allow_nan=False, ensure_ascii=False)))


def print_table(
    headers: Sequence[str], rows: Sequence[Sequence[str]], *, right: Collection[str] = (), indent: int = 0
) -> None:
    """Aligned columns under their headers; ``right`` names those that are aligned to the right."""
    lines = table_lines(headers, rows, right=right, width=width() - indent)
    bold = is_terminal()
    for number, line in enumerate(lines):
        typer.echo(" " * indent + (typer.style(line, bold=True) if bold and number == 0 else line))


def table_lines(
    headers: Sequence[str], rows: Sequence[Sequence[str]], *, right: Collection[str] = (), width: int
) -> list[str]:
    """The lines of a table that fits ``width`` columns; the widest columns are wrapped to make it fit."""
    cells = [[printable(str(cell)) for cell in row] for row in (headers, *rows)]
    widths = [max(len(row[k]) for row in cells) for k in range(len(headers))]
    while sum(widths) + len(GAP) * (len(widths) - 1) > width and max(widths) > NARROWEST:
        widths[widths.index(max(widths))] -= 1
    lines = []
    for row in cells:
        wrapped = [textwrap.wrap(cell, w) or [""] for cell, w in zip(row, widths, strict=True)]
        for k in range(max(map(len, wrapped))):
            parts = [column[k] if k < len(column) else "" for column in wrapped]
            aligned = [
                part.rjust(w) if header in right else part.ljust(w)
                for part, w, header in zip(parts, widths, headers, strict=True)
            ]
            lines.append(GAP.join(aligned).rstrip())
    return lines
