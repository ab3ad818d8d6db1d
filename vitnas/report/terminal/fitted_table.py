"""Tables that fit their console: the least needed columns go first where there is no room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table

from vitnas.plain import printable

GAPS = (2, 1)  # spaces between columns: comfortable, else tight


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        header: may have several lines, which stand above the cells without a gap.
        cells: one a row.
        right: numbers are aligned to the right.
        drop: columns with the highest go first where there is no room; 0 is never dropped.
        short: cells that say less, used before any column is dropped.
        wraps: the column may break its cells into lines.
    """

    header: str
    cells: Sequence[str]
    right: bool = True
    drop: int = 0
    short: Sequence[str] = ()
    wraps: bool = False

    def __post_init__(self) -> None:
        """What is measured is what is shown."""
        for name in ("cells", "short"):
            object.__setattr__(self, name, tuple(printable(text) for text in getattr(self, name)))
        object.__setattr__(self, "header", printable(self.header))

    @property
    def width(self) -> int:
        """Of the widest line."""
        lines = [line for text in (self.header, *self.cells) for line in text.split("\n")]
        return max(map(cell_len, lines))


@dataclass(frozen=True)
class FittedTable:
    """Columns side by side, as many as the console has room for.

    Attributes:
        styles: one a row; empty for none.
    """

    columns: Sequence[Column]
    styles: Sequence[str] = ()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The table."""
        columns, gap = fit(self.columns, options.max_width)
        table = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style="bold")
        lines = max((column.header.count("\n") for column in columns), default=0)
        for column in columns:
            table.add_column(
                "\n" * (lines - column.header.count("\n")) + column.header,
                justify="right" if column.right else "left",
                no_wrap=not column.wraps,
                overflow="fold" if column.wraps else "ellipsis",
            )
        for k, cells in enumerate(zip(*(column.cells for column in columns), strict=True)):
            table.add_row(*cells, style=self.styles[k] if self.styles else None)
        yield table


def fit(columns: Sequence[Column], width: int) -> tuple[list[Column], int]:
    """The columns that fit ``width`` and the gap between them; what may not be dropped is kept anyway."""
    kept = list(columns)
    while True:
        for gap in GAPS:
            if sum(c.width for c in kept) + gap * (len(kept) - 1) <= width:
                return kept, gap
        if any(column.short for column in kept):
            kept = [replace(c, cells=c.short, short=()) if c.short else c for c in kept]
            continue
        first = max(kept, key=lambda column: column.drop)
        if not first.drop:
            return kept, GAPS[-1]
        kept.remove(first)
