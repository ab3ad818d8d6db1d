"""What a terminal is shown as HTML: tables as tables, everything else as text."""

from __future__ import annotations

import io
from html import escape

from rich.console import Group, RenderableType
from rich.text import Text

from vitnas.plain import printable
from vitnas.report.console import SafeConsole
from vitnas.report.terminal.fitted_table import FittedTable

CELL = "padding:2px 9px;white-space:nowrap"
NOTE = "margin:2px 0;opacity:.75;font-size:90%"


def to_html(part: RenderableType) -> str:
    """A report, as notebooks show it."""
    if isinstance(part, Group):
        return "".join(to_html(inner) for inner in part.renderables)
    if isinstance(part, FittedTable):
        return _table(part)
    if isinstance(part, Text):
        lines = part.plain.split("\n") if part.plain else []
        return "".join(f'<p style="{NOTE}">{shown(line)}</p>' for line in lines)
    return f'<pre style="line-height:1.2">{escape(to_text(part))}</pre>'


def shown(text: str) -> str:
    """A text of a file in HTML."""
    return escape(printable(text))


def to_text(part: RenderableType, width: int = 100) -> str:
    """A report as plain text."""
    stream = io.StringIO()
    SafeConsole(file=stream, width=width, color_system=None).print(part)
    return "\n".join(line.rstrip() for line in stream.getvalue().rstrip().split("\n"))


def _table(table: FittedTable) -> str:
    heads = "".join(_cell("th", column.header, column.right) for column in table.columns)
    rows = [
        f'<tr style="{_row_style(table, k)}">'
        + "".join(_cell("td", column.cells[k], column.right) for column in table.columns)
        + "</tr>"
        for k in range(max((len(column.cells) for column in table.columns), default=0))
    ]
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _row_style(table: FittedTable, row: int) -> str:
    return "font-style:italic;opacity:.8" if table.styles and table.styles[row] else ""


def _cell(tag: str, text: str, right: bool) -> str:
    side = "right" if right else "left"
    return f'<{tag} style="{CELL};text-align:{side}">{shown(text).replace(chr(10), "<br>")}</{tag}>'
