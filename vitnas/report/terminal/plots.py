"""A small scatter plot for terminals, drawn with braille dots (2 x 4 in a character)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

DOTS_X, DOTS_Y = 2, 4
_BITS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], dtype=np.uint8)  # [y, x]
_BRAILLE = 0x2800
_PAD = 0.04  # share of an axis left free on each side, so that no point sits on the frame
FEW = 40  # points that are drawn large
EDGE, INNER, MARK, FRAME = "bold cyan", "blue", "bold yellow", "dim"


@dataclass(frozen=True)
class Mark:
    """A named point that stands out, such as a published network."""

    name: str
    x: float
    y: float


@dataclass(frozen=True)
class Scatter:
    """Points (k, 2) and marked ones, as wide as the console lets it.

    Points that no other beats in the plane are bright: with three objectives most of a front is not
    among them.

    Attributes:
        up_is_good: y is maximised.
        right_is_good: x is.
        height: lines in all, at least 6; axes take three of them.
    """

    points: NDArray[np.float64]
    x_label: str
    y_label: str
    marks: Sequence[Mark] = ()
    up_is_good: bool = True
    height: int = 14
    max_width: int = 100
    right_is_good: bool = False

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The lines of the plot; none if there is nothing to draw or no room."""
        points = self.points[np.isfinite(self.points).all(axis=1)] if len(self.points) else self.points
        marks = [mark for mark in self.marks if math.isfinite(mark.x) and math.isfinite(mark.y)]
        width = min(options.max_width, self.max_width)
        if (not len(points) and not marks) or width < 24 or self.height < 6:
            return
        named = np.array([[m.x, m.y] for m in marks]).reshape(-1, 2)
        corners = np.concatenate([points.reshape(-1, 2), named])
        y_scale = Scale.over(corners[:, 1], self.height - 3)
        y_ticks = y_scale.ticks(max((self.height - 3) // 2, 2))
        margin = max(len(text) for _, text in y_ticks) + 2
        x_scale = Scale.over(corners[:, 0], width - margin)
        canvas = Canvas(x_scale, y_scale, ascii_only=options.ascii_only, large=len(points) <= FEW)
        edge = _edge(points, self.up_is_good, self.right_is_good)
        canvas.dots(points[~edge], INNER)
        canvas.dots(points[edge], EDGE)
        canvas.marks(marks)
        yield Text(self.y_label, style=FRAME)
        yield from _with_y_axis(canvas, dict(y_ticks), margin, options.ascii_only)
        yield from _x_axis(x_scale, self.x_label, margin, width, options.ascii_only)


@dataclass(frozen=True)
class Scale:
    """Maps values to cells 0 .. cells - 1 of one axis."""

    low: float
    high: float
    cells: int

    @classmethod
    def over(cls, values: NDArray[np.float64], cells: int) -> Scale:
        """The scale that holds all values with a little room around them."""
        low, high = float(values.min()), float(values.max())
        extent = high - low or abs(high) * 0.1 or 1.0
        return cls(low - _PAD * extent, high + _PAD * extent, cells)

    def position(self, values: NDArray[np.float64], parts: int = 1) -> NDArray[np.intp]:
        """Cells of values, or ``parts`` of a cell."""
        share = (values - self.low) / (self.high - self.low)
        return np.clip((share * self.cells * parts).astype(np.intp), 0, self.cells * parts - 1)

    def ticks(self, most: int) -> list[tuple[int, str]]:
        """At most about ``most`` round numbers as (cell, text)."""
        rough = (self.high - self.low) / max(most, 1)
        size = 10.0 ** math.floor(math.log10(rough))
        step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= rough * 0.999)
        decimals = max(0, -math.floor(math.log10(step) + 1e-9))
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        found = [k * step for k in range(first, last + 1)] or [(self.low + self.high) / 2]
        return [(int(self.position(np.array(v))), f"{v + 0.0:.{decimals}f}") for v in found]


@dataclass
class Canvas:
    """Cells (rows, columns) with a character and a style each; row 0 is the top.

    Attributes:
        large: a whole character for a point, which is easier to see where there are few.
    """

    x: Scale
    y: Scale
    ascii_only: bool = False
    large: bool = False
    _codes: NDArray[np.uint32] = field(init=False)
    _styles: NDArray[np.object_] = field(init=False)

    def __post_init__(self) -> None:
        self._codes = np.full((self.y.cells, self.x.cells), ord(" "), dtype=np.uint32)
        self._styles = np.full((self.y.cells, self.x.cells), "", dtype=object)

    def dots(self, points: NDArray[np.float64], style: str) -> None:
        """Draw points (k, 2); they join dots that are there already."""
        if not len(points):
            return
        columns = self.x.position(points[:, 0], DOTS_X)
        rows = self.y.cells * DOTS_Y - 1 - self.y.position(points[:, 1], DOTS_Y)
        cells = rows // DOTS_Y, columns // DOTS_X
        if self.ascii_only:
            self._codes[cells] = ord("." if style == INNER else "o")
        elif self.large:
            self._codes[cells] = ord("•")
        else:
            blank = self._codes == ord(" ")
            self._codes[blank] = _BRAILLE
            np.bitwise_or.at(self._codes, cells, _BITS[rows % DOTS_Y, columns % DOTS_X].astype(np.uint32))
            self._codes[self._codes == _BRAILLE] = ord(" ")
        self._styles[cells] = style

    def marks(self, marks: Iterable[Mark]) -> None:
        """Draw named points over everything, names beside them where there is room."""
        placed = [(self._cell(mark), mark) for mark in marks]
        taken = {cell for cell, _ in placed}
        for (row, column), mark in placed:
            self._write(row, column, "*" if self.ascii_only else "◆")
            right, left = f" {mark.name}", f"{mark.name} "
            for start, text in ((column + 1, right), (column - len(left), left)):
                wanted = {(row, c) for c in range(start, start + len(text))}
                if start >= 0 and start + len(text) <= self.x.cells and not wanted & taken:
                    self._write(row, start, text)
                    taken |= wanted
                    break

    def _cell(self, mark: Mark) -> tuple[int, int]:
        row = self.y.cells - 1 - int(self.y.position(np.array(mark.y)))
        return row, int(self.x.position(np.array(mark.x)))

    def _write(self, row: int, column: int, text: str) -> None:
        self._codes[row, column : column + len(text)] = [ord(c) for c in text]
        self._styles[row, column : column + len(text)] = MARK

    def lines(self) -> Iterable[Text]:
        """One text a row."""
        for codes, styles in zip(self._codes.tolist(), self._styles.tolist(), strict=True):
            line = Text(no_wrap=True)
            start = 0
            for stop in range(1, len(codes) + 1):
                if stop == len(codes) or styles[stop] != styles[start]:
                    line.append("".join(map(chr, codes[start:stop])), style=styles[start])
                    start = stop
            line.rstrip()
            yield line


def _edge(points: NDArray[np.float64], up_is_good: bool, right_is_good: bool) -> NDArray[np.bool_]:
    """(k,) True where no other point is as good in one direction and better in the other."""
    x = -points[:, 0] if right_is_good else points[:, 0]
    y = -points[:, 1] if up_is_good else points[:, 1]
    order = np.lexsort((y, x))
    best = np.minimum.accumulate(y[order]) if len(order) else y
    edge = np.zeros(len(points), dtype=np.bool_)
    edge[order] = np.concatenate([[True], y[order][1:] < best[:-1]]) if len(order) else True
    return edge


def _with_y_axis(canvas: Canvas, ticks: dict[int, str], margin: int, ascii_only: bool) -> Iterable[Text]:
    rows = canvas.y.cells
    for row, line in enumerate(canvas.lines()):
        number = ticks.get(rows - 1 - row, "")
        bar = ("+" if number else "|") if ascii_only else ("┤" if number else "│")
        yield Text.assemble((f"{number:>{margin - 2}} {bar}", FRAME), line, no_wrap=True)


def _x_axis(scale: Scale, label: str, margin: int, width: int, ascii_only: bool) -> Iterable[Text]:
    """The line with its ticks, and the numbers under it with the label at the right."""
    corner, flat, tick = ("+", "-", "+") if ascii_only else ("└", "─", "┬")
    bar, numbers = [flat] * scale.cells, [" "] * (margin + scale.cells)
    free_to = width - len(label) - 2
    last = -1
    for cell, text in scale.ticks(max(scale.cells // 12, 2)):
        start = max(margin + cell - len(text) // 2, 0)
        if start <= last or start + len(text) > free_to:
            continue
        bar[cell] = tick
        numbers[start : start + len(text)] = text
        last = start + len(text)
    numbers[width - len(label) : width] = label
    yield Text(" " * (margin - 1) + corner + "".join(bar), style=FRAME, no_wrap=True)
    yield Text("".join(numbers), style=FRAME, no_wrap=True)
