"""The one reader of CSV tables, as people, spreadsheets and our own commands write them.

Header cells are stripped before anything looks at them. Empty rows, empty columns without a name, a
byte-order mark, any line ends and a missing last one make no difference. A column that stands twice, cells
without a column and a row that ends early are refused.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from vitnas.errors import InvalidData, VitnasError
from vitnas.formats.number_text import number_of, whole_of
from vitnas.formats.refusing import refusing
from vitnas.formats.resolution import Resolution, parse_resolution
from vitnas.formats.text_file import read_text


@dataclass(frozen=True)
class Row:
    """One row.

    Attributes:
        file, line: where it ends; the header is line 1.
        cells: column -> text without spaces around it; empty where the row says nothing.
        error: what to raise over it.
    """

    file: str
    line: int
    cells: Mapping[str, str]
    error: type[VitnasError] = InvalidData

    def __getitem__(self, column: str) -> str:
        """The text of a cell; empty where the table lacks the column."""
        return self.cells.get(column, "")

    def fail(self, column: str, problem: str) -> NoReturn:
        """Raise the error that names file, line and column."""
        raise self.error(f"{self.file}:{self.line}: column '{column}': {problem}")

    def number(self, column: str) -> float:
        """A finite number.

        Raises:
            VitnasError: (``error``) the cell is none.
        """
        try:
            return number_of(self[column])
        except ValueError as problem:
            self.fail(column, str(problem))

    def whole(self, column: str) -> int:
        """A whole number.

        Raises:
            VitnasError: (``error``) the cell is none.
        """
        try:
            return whole_of(self[column])
        except ValueError as problem:
            self.fail(column, str(problem))

    def resolution(self, column: str) -> Resolution | None:
        """A resolution such as 224 or 224x320; None where the cell is blank.

        Raises:
            VitnasError: (``error``) the cell is none.
        """
        try:
            return parse_resolution(self[column]) if self[column] else None
        except ValueError as problem:
            self.fail(column, str(problem))


@dataclass(frozen=True)
class Table:
    """A table of texts: the names of its columns, and its rows without the empty ones."""

    file: str
    header: tuple[str, ...]
    rows: tuple[Row, ...]


def read_csv(
    path: str | Path,
    needed: Sequence[str] = (),
    *,
    whole_rows: bool = True,
    error: type[VitnasError] = InvalidData,
) -> Table:
    """Read a table: UTF-8, comma-separated, with a header.

    Args:
        path: of the file.
        needed: columns that it must have.
        whole_rows: a row has a cell for every column; else only for those that are needed, since some
            spreadsheets leave out empty cells at the end of a row.
        error: what to raise.

    Raises:
        VitnasError: (``error``) it is no such table; names the file, and line and column where it can.
    """
    text = read_text(path, error).removeprefix("\ufeff")
    file = str(path)
    with refusing(file, "cannot be read as CSV", error):
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        lines = _lines(reader, file, error)
        header = _header(next(lines, (1, []))[1], needed, file, error)
        must_have = len(header) if whole_rows else 1 + max(map(header.index, needed), default=0)
        named = [name for name in header if name]
        rows = [
            Row(file, number, _cells(header, cells, must_have, f"{file}:{number}", error), error)
            for number, cells in lines
            if any(cells)
        ]
    return Table(file, tuple(named), tuple(rows))


def _lines(
    reader: Iterator[list[str]], file: str, error: type[VitnasError]
) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and stripped cells."""
    try:
        for cells in reader:
            yield reader.line_num, [cell.strip() for cell in cells]  # type: ignore[attr-defined]
    except csv.Error as problem:
        line: int = reader.line_num  # type: ignore[attr-defined]
        raise error(f"{file}:{line}: cannot be read as CSV: {problem} (is a quote never closed?)") from None


def _header(header: list[str], needed: Collection[str], file: str, error: type[VitnasError]) -> list[str]:
    if not any(header):
        raise error(f"{file}: is empty; expected a header in its first line")
    named = [name for name in header if name]
    for other, word in ((";", "';'"), ("\t", "tabs")):
        if len(named) == 1 and other in named[0]:
            raise error(
                f"{file}:1: the columns are separated by {word}; separate them by ',' and write decimals "
                "with a point"
            )
    twice = next((name for name in named if named.count(name) > 1), None)
    if twice is not None:
        raise error(f"{file}:1: column '{twice}': stands {named.count(twice)} times in the header")
    missing = [name for name in needed if name not in named]
    if missing:
        names, are = "' and '".join(missing), "columns are" if len(missing) > 1 else "column is"
        raise error(f"{file}:1: '{names}': the {are} missing; found: {', '.join(named)}")
    return header


def _cells(
    header: list[str], cells: list[str], must_have: int, where: str, error: type[VitnasError]
) -> dict[str, str]:
    beside = [text for text, name in zip(cells, header, strict=False) if text and not name]
    if beside or any(cells[len(header) :]):
        raise error(
            f"{where}: {len(cells)} fields; the header has {len(header)} (quote text that holds a comma, and "
            "write decimals with a point)"
        )
    if len(cells) < must_have:
        raise error(f"{where}: {len(cells)} fields; the header has {len(header)}")
    padded = [*cells, *[""] * (len(header) - len(cells))]
    return {name: text for name, text in zip(header, padded, strict=False) if name}
