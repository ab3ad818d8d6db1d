"""Tables of architectures with what is known of them: accuracies of others, or labels of one's own.

A row says its architecture by columns that the space's file names (``columns``) or that are named like genes,
by ``genome`` (hexadecimal digits, two for each gene), or by ``file`` (an architecture file). A list inside a
cell is separated by ``;``; it is blank where a segment has no block. Any other column of numbers is a label.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitnas.arch.schema import read_architecture
from vitnas.arch.values import Gene
from vitnas.errors import InvalidArchitecture, InvalidData, _unknown_message, unknown
from vitnas.formats.csv_table import read_csv
from vitnas.formats.number_text import number_of
from vitnas.space.activity import Genomes
from vitnas.space.gene_columns import Columns, GeneColumn
from vitnas.space.space import Space

GENOME, FILE, ID = "genome", "file", "id"
# known, and no label: what a row is, where it comes from, and costs that vitnas counts itself
APART = frozenset({ID, FILE, GENOME, "params_m", "macs_m", "macs_g", "source", "scale", "slice", "group"})

EACH = -1  # values in a cell that holds for each block, however many there are
BLANK = ("", "nan")  # a row without a label; NumPy writes the second


@dataclass(frozen=True)
class Rows:
    """Architectures of one space, in the order of their file.

    Attributes:
        source: the file, for messages.
        genomes: canonical (n, G).
        ids: column ``id``, else ``file``, else the line's number.
        lines: line in the file, from 1.
        labels: columns that hold a number in at least one of the rows, in the file's order.
        groups: value of the space's group column; "" without one.
        skipped: rows left out because they are of other spaces.
    """

    source: str
    genomes: Genomes
    ids: tuple[str, ...]
    lines: tuple[int, ...]
    labels: tuple[str, ...]
    groups: tuple[str, ...]
    skipped: int
    _values: Mapping[str, NDArray[np.float64]] = field(repr=False)

    def __len__(self) -> int:
        return len(self.ids)

    def values(self, label: str) -> NDArray[np.float64]:
        """A label of every row (n,), nan where the cell is blank.

        Raises:
            UnknownName: no such label; suggests the closest one.
        """
        if label not in self._values:
            raise unknown("label", label, self.labels, where=self.source)
        return self._values[label]


def read_rows(path: str | Path, space: Space) -> Rows:
    """Read a table (CSV with a header) of architectures of ``space``.

    Raises:
        InvalidData: it is no such table; names file, line, column, and what the space allows.
        InvalidSpace: the space's ``columns`` name a gene that it does not have.
    """
    return _Reader(str(path), space).read()


class _Reader:
    def __init__(self, path: str, space: Space) -> None:
        self.path, self.space = path, space
        self.columns = Columns(space)
        self.options = [_options(gene) for gene in space.genes]

    def _fail(self, problem: str, line: int | None = None, column: str = "") -> Any:
        place = (f":{line}" if line else "") + (f": column '{column}'" if column else "")
        raise InvalidData(f"{self.path}{place}: {problem}")

    def read(self) -> Rows:
        header, lines, cells = self._table()
        kept, skipped = self._kept(header, lines, cells)
        lines, cells = [lines[k] for k in kept], [cells[k] for k in kept]
        by_column = {name: [row[k] for row in cells] for k, name in enumerate(header)}
        reader, used = self._architectures(header)
        genomes = reader(by_column, lines)
        values = self._labels([c for c in header if c not in used], by_column, lines)
        ids = by_column.get(ID) or by_column.get(FILE) or [str(line) for line in lines]
        groups = by_column.get(self.columns.group) or [""] * len(lines)
        return Rows(
            self.path, genomes, tuple(ids), tuple(lines), tuple(values), tuple(groups), skipped, values
        )

    def _table(self) -> tuple[list[str], list[int], list[list[str]]]:
        """Header, line numbers and cells."""
        table = read_csv(self.path)
        if not table.rows:
            self._fail("has a header and no rows")
        cells = [[row[name] for name in table.header] for row in table.rows]
        return list(table.header), [row.line for row in table.rows], cells

    def _kept(self, header: list[str], lines: list[int], cells: list[list[str]]) -> tuple[list[int], int]:
        """Rows that are of this space, and how many are not."""
        kept = list(range(len(lines)))
        for column, wanted in self.columns.where.items():
            if column not in header:
                continue
            place = header.index(column)
            found = sorted({cells[k][place] for k in kept})
            kept = [k for k in kept if cells[k][place] == wanted]
            if not kept:
                self._fail(
                    f"no row is of space '{self.space.name}', whose rows have {wanted!r} here; "
                    f"the table has {', '.join(map(repr, found))}",
                    column=column,
                )
        return kept, len(lines) - len(kept)

    def _architectures(
        self, header: list[str]
    ) -> tuple[Callable[[dict[str, list[str]], list[int]], Genomes], set[str]]:
        """How the rows say their architectures, and the columns that do."""
        if GENOME in header:
            return self._from_hex, set()
        columns = self.columns.of(header)
        missing = self.columns.missing(columns)
        if not missing:
            return lambda cells, lines: self._from_columns(columns, cells, lines), {c.name for c in columns}
        if FILE in header:
            return self._from_files, {c.name for c in columns}
        return self._fail(  # type: ignore[no-any-return]
            f"has no column {', '.join(map(repr, missing))}, which space '{self.space.name}' needs "
            f"(or give '{FILE}' or '{GENOME}')"
        )

    def _from_hex(self, cells: dict[str, list[str]], lines: list[int]) -> Genomes:
        count = len(self.space.genes)
        genomes = np.zeros((len(lines), count), np.uint8)
        for row, (text, line) in enumerate(zip(cells[GENOME], lines, strict=True)):
            try:
                found = np.frombuffer(bytes.fromhex(text), np.uint8)
            except ValueError:
                self._fail(f"{text!r:.40} is no row of hexadecimal digits", line, GENOME)
            if len(found) != count or (found >= self.space.cardinalities).any():
                self._fail(f"no genome of '{self.space.name}', which has {count} genes", line, GENOME)
            genomes[row] = found
        return self.space.canonical(genomes)

    def _from_files(self, cells: dict[str, list[str]], lines: list[int]) -> Genomes:
        genomes = np.zeros((len(lines), len(self.space.genes)), np.uint8)
        for row, (name, line) in enumerate(zip(cells[FILE], lines, strict=True)):
            path = Path(self.path).parent / name
            if not path.is_file():
                self._fail(f"no such architecture file: '{path}'", line, FILE)
            try:
                genomes[row] = self.space.encode(read_architecture(path))
            except InvalidArchitecture as problem:
                self._fail(str(problem), line, FILE)
        return genomes

    def _from_columns(
        self, columns: Sequence[GeneColumn], cells: dict[str, list[str]], lines: list[int]
    ) -> Genomes:
        genomes = np.zeros((len(lines), len(self.space.genes)), np.uint8)
        given = {column.name: np.full(len(lines), EACH) for column in columns}
        for column in columns:
            for row, (cell, line) in enumerate(zip(cells[column.name], lines, strict=True)):
                items = [] if column.blocks and not cell.strip() else cell.split(";")
                if len(items) == 1 and column.blocks:
                    items *= len(column.genes)
                else:
                    given[column.name][row] = len(items)
                    self._check_count(column, len(items), line)
                for gene, item in zip(column.genes, items, strict=False):
                    genomes[row, gene] = self._choice(gene, item.strip(), line, column.name)
        canonical = self.space.canonical(genomes)
        for column in columns:
            if column.blocks:
                self._check_blocks(column, canonical, given[column.name], lines)
        return canonical

    def _check_count(self, column: GeneColumn, count: int, line: int) -> None:
        most = len(column.genes)
        if count > most or (count < most and not column.blocks):
            self._fail(
                f"{count} values; '{self.space.name}' takes {'at most ' if column.blocks else ''}{most}",
                line,
                column.name,
            )

    def _check_blocks(
        self, column: GeneColumn, genomes: Genomes, given: NDArray[np.int64], lines: list[int]
    ) -> None:
        """A list has one value for each block that the depth leaves."""
        genes = [g for g in column.genes if len(self.space.genes[g].choices) > 1]
        if len(genes) != len(column.genes):
            return  # a gene with one choice looks alike whether it has an effect or not
        probe = genomes.copy()
        probe[:, genes] = self.space.cardinalities[genes] - 1
        blocks = (self.space.canonical(probe)[:, genes] > 0).sum(axis=1)
        for row in np.flatnonzero((given != EACH) & (given != blocks))[:1]:
            self._fail(f"{given[row]} values for {blocks[row]} blocks", lines[row], column.name)

    def _choice(self, gene: int, text: str, line: int, column: str) -> int:
        options = self.options[gene]
        found = options.get(text)
        if found is None:
            found = options.get(_number(text))
        if found is None:
            choices = list(self.space.genes[gene].choices)
            self._fail(
                f"{text or 'a blank'} is not among {choices}, the choices of '{self.space.name}'",
                line,
                column,
            )
        assert found is not None
        return found

    def _labels(
        self, columns: Sequence[str], cells: dict[str, list[str]], lines: list[int]
    ) -> dict[str, NDArray[np.float64]]:
        """Numbers of all columns that are neither architecture nor known to be no label."""
        apart = {*APART, *self.columns.where, self.columns.group}
        labels = {}
        for column in columns:
            if column in apart:
                continue
            numbers = np.full(len(lines), np.nan)
            for row, (text, line) in enumerate(zip(cells[column], lines, strict=True)):
                number = _label(text)
                if number is None:
                    known = [*self.columns.named, *sorted(apart - {""})]
                    problem = _unknown_message("column", column, known, "")
                    self._fail(f"{problem}; a label would be a number, this is {text!r:.40}", line)
                else:
                    numbers[row] = number
            if not np.isnan(numbers).all():
                labels[column] = numbers
        return labels


def _label(text: str) -> float | None:
    """The number of a cell; nan where it is blank or says so, None where it is none."""
    return math.nan if text.lower() in BLANK else _number(text)


def _number(text: str) -> float | None:
    try:
        return number_of(text)
    except ValueError:
        return None


def _options(gene: Gene) -> dict[Any, int]:
    """Position of each choice, by its number and by its text."""
    found: dict[Any, int] = {}
    for k, choice in enumerate(gene.choices):
        text = str(choice).lower() if isinstance(choice, bool) else str(choice)
        found[text] = k
        if not isinstance(choice, bool | str):
            found[float(choice)] = k
    return found
