"""Reading a results file: everything that is wrong with its rows, each in one line."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vitnas.errors import InvalidData
from vitnas.formats.csv_table import Row, Table, read_csv
from vitnas.formats.number_text import number_of

REQUIRED = ("id", "latency_ms")
COLUMNS = (*REQUIRED, "iqr_ms", "runs")
UNITS = {"s": 1e3, "ms": 1.0, "us": 1e-3}
"""Milliseconds of a unit."""
TWICE = 0.05  # rows of one id that differ by more contradict each other


class InvalidResults(InvalidData):
    """A results file that cannot be used; ``problems`` says all that is wrong, one line each."""

    def __init__(self, problems: Sequence[str] | str) -> None:
        problems = (problems,) if isinstance(problems, str) else problems
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(f"{problems[0]}{more}")
        self.problems = tuple(problems)


@dataclass(frozen=True)
class Result:
    """A model's time as the file says it.

    Attributes:
        line: in the file, the header being line 1.
        latency_ms: median of a call.
        iqr_ms: its spread; nan if the file does not say.
        runs: timed calls; 1 if the file does not say.
    """

    id: str
    line: int
    latency_ms: float
    iqr_ms: float
    runs: int


def read_results(path: Path, *, unit: str = "ms") -> list[Result]:
    """Read ``id,latency_ms[,iqr_ms,runs]``; other columns are ignored, and rows without a time.

    Raises:
        InvalidResults: it is no such file, or some rows are wrong; says file, line and what to do.
    """
    table = read_csv(path, whole_rows=False, error=InvalidResults)
    _check_header(path, list(table.header))
    found: list[Result] = []
    problems: list[str] = []
    for row in table.rows:
        try:
            result = _result(row, UNITS[unit])
        except ValueError as problem:
            problems.append(f"{path}:{row.line}: {problem}")
        else:
            found += [result] if result else []
    problems = _split_decimals(path, table) or problems
    if problems:
        raise InvalidResults(problems)
    if not found:
        raise InvalidResults([f"{path}: no row holds a time; write id,latency_ms for every model measured"])
    return found


def _check_header(path: Path, header: list[str]) -> None:
    missing = [column for column in REQUIRED if column not in header]
    if not missing:
        return
    hint = ""
    for unit in ("s", "us", "sec", "seconds"):
        if "latency_ms" in missing and f"latency_{unit}" in header:
            hint = f"; rename 'latency_{unit}' to latency_ms and say `unit` {unit.removesuffix('ec')[:2]}"
    found = ", ".join(header) or "nothing"
    wanted = " and ".join(f"'{column}'" for column in missing)
    are = "columns are" if len(missing) > 1 else "column is"
    raise InvalidResults([f"{path}:1: {wanted}: the {are} missing{hint}; found: {found}"])


def _result(row: Row, factor: float) -> Result | None:
    """A row; None if it holds no time."""
    if not row["latency_ms"]:
        return None
    if not row["id"]:
        raise ValueError("the id is missing")
    latency = _number("latency_ms", row["latency_ms"])
    if latency <= 0:
        hint = "; was it 0,... with a decimal comma?" if latency == 0 else ""
        raise ValueError(f"latency_ms: {row['latency_ms']} is no time; it must be above 0{hint}")
    iqr = _number("iqr_ms", row["iqr_ms"]) if row["iqr_ms"] else math.nan
    runs = _number("runs", row["runs"]) if row["runs"] else 1.0
    if iqr < 0 or runs < 1 or not runs.is_integer():
        raise ValueError(f"iqr_ms {row['iqr_ms']} or runs {row['runs']} is too small or no whole number")
    return Result(row["id"], row.line, latency * factor, iqr * factor, int(runs))


def _number(column: str, text: str) -> float:
    try:
        return number_of(text)
    except ValueError as problem:
        raise ValueError(f"{column}: {problem}") from None


def _split_decimals(path: Path, table: Table) -> list[str]:
    """``abc,1,23`` where 1,23 was meant: it looks like a time of 1 and a spread of 23."""
    at = table.header.index("latency_ms")
    if table.header[at + 1 : at + 2] != ("iqr_ms",):
        return []
    pairs = [(row.line, (row["latency_ms"], row["iqr_ms"])) for row in table.rows if row["iqr_ms"]]
    split = [number for number, pair in pairs if all(cell.isdigit() for cell in pair)]
    if len(split) <= len(pairs) / 2:
        return []
    first = dict(pairs)[split[0]]
    return [
        f"{path}:{split[0]}: decimals with a comma make two columns; "
        f"write {'.'.join(first)}, not {','.join(first)} ({len(split)} rows)"
    ]


def one_each(path: Path, results: Sequence[Result]) -> tuple[dict[str, Result], list[str]]:
    """The results by id; of rows that agree the median. Also returns a note for each such id.

    Raises:
        InvalidResults: rows of one id differ by more than 5 %; names id and lines.
    """
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(result.id, []).append(result)
    notes, problems = [], []
    kept: dict[str, Result] = {}
    for key, group in groups.items():
        times = [r.latency_ms for r in group]
        median = float(np.median(times))
        where = f"{path}:{group[-1].line}: '{key}' stands in lines {', '.join(str(r.line) for r in group)}"
        listed = " and ".join(f"{ms:.6g}" for ms in times)
        if max(times) - min(times) > TWICE * median:
            problems.append(f"{where} with {listed} ms; keep the right one")
        elif len(group) > 1:
            notes.append(f"{where}; their median is taken")
        iqr = float(np.median([r.iqr_ms for r in group]))
        kept[key] = Result(key, group[0].line, median, iqr, min(r.runs for r in group))
    if problems:
        raise InvalidResults(problems)
    return kept, notes


def refuse_unknown(path: Path, results: Mapping[str, Result], known: Collection[str], kit: Path) -> None:
    """Refuse ids that the kit does not have.

    Raises:
        InvalidResults: names every such id.
    """
    problems = [
        f"{path}:{result.line}: '{key}' is no model of {kit}; is it of another kit or space? "
        "Leave the row out, or name the right kit with `kit`"
        for key, result in results.items()
        if key not in known
    ]
    if problems:
        raise InvalidResults(problems)
