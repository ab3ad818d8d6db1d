"""Measured blocks as a CSV: one row a distinct block, with its time and spread."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vitnas.arch.features import Features
from vitnas.errors import InvalidData, InvalidProfile, describe
from vitnas.formats.csv_table import Row, read_csv
from vitnas.formats.json_text import parse_json
from vitnas.formats.resolution import as_scalar, in_px, parse_resolution, sides_px
from vitnas.space.slots import Context
from vitnas.store.disk import atomic_write_csv

COLUMNS = (
    "id", "op", "channels", "side_px", "tokens", "extra_tokens", "width", "args",
    "latency_ms", "iqr_ms", "runs",
)  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """Time of one block: median and interquartile range over ``runs`` runs."""

    latency_ms: float
    iqr_ms: float
    runs: int


BlockTable = Mapping[Context, Measured]


def block_fields(block: Context) -> dict[str, Any]:
    """A block as plain values, in the order of the first ``COLUMNS`` without ``id``."""
    i = block.inputs
    return {
        "op": block.op,
        "channels": i.channels,
        "side_px": as_scalar(i.size_px),
        "tokens": int(i.tokens),
        "extra_tokens": i.extra_tokens,
        "width": block.width,
        "args": json.dumps(dict(block.args), sort_keys=True, separators=(",", ":")),
    }


def block_of(fields: Mapping[str, Any]) -> Context:
    """The block of what `block_fields` gave.

    Raises:
        ValueError, KeyError, TypeError: these are no such fields.
    """
    height, width = sides_px(parse_resolution(fields["side_px"]))
    tokens, extra = bool(int(fields["tokens"])), int(fields["extra_tokens"])
    features = Features(int(fields["channels"]), height, tokens, extra, width_px=width)
    args = parse_json(fields["args"], "args", InvalidData)
    if not isinstance(args, dict):
        raise InvalidData(f"args: {fields['args']!r:.40} are no arguments by name")
    return Context(str(fields["op"]), features, int(fields["width"]), tuple(sorted(args.items())))


def block_id(block: Context) -> str:
    """12 hex digits that name a block in tables, kits and logs."""
    text = json.dumps(block_fields(block), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def block_words(block: Context) -> str:
    """A block for people: ``conv_ffn 96 x 14 px -> 96, expansion=4``."""
    i = block.inputs
    place = f"{i.channels} x {in_px(i.size_px)}" + (" tokens" if i.tokens else "")
    args = ", ".join(f"{name}={value}" for name, value in block.args)
    return f"{block.op} {place} -> {block.width}" + (f", {args}" if args else "")


def _times(time: Measured) -> dict[str, str]:
    """The figures of a block as they are written."""
    return {"latency_ms": f"{time.latency_ms:.5g}", "iqr_ms": f"{time.iqr_ms:.3g}", "runs": str(time.runs)}


def table_digest(table: BlockTable) -> str:
    """16 hex digits of the blocks and figures of a table, however its file is laid out."""
    rows = sorted([block_id(block), *_times(time).values()] for block, time in table.items())
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]


def check_table(path: Path, table: BlockTable, blocks: int, digest: str, profile: Path) -> None:
    """Whether a table is the one that its profile was made with.

    Args:
        path, table: the CSV, and what it holds.
        blocks, digest: what the profile states; no digest in old ones.
        profile: the file that states it.

    Raises:
        InvalidProfile: rows are missing, too many or changed.
    """
    if len(table) != blocks:
        raise InvalidProfile(
            f"{path}: holds {len(table)} of the {blocks} blocks that {profile.name} states; restore the table"
        )
    if digest and table_digest(table) != digest:
        raise InvalidProfile(
            f"{path}: its figures are not those that {profile.name} was made with; restore the table"
        )


def write_table(path: Path, table: BlockTable) -> None:
    """Write the CSV."""
    rows = [{"id": block_id(block), **block_fields(block), **_times(time)} for block, time in table.items()]
    atomic_write_csv(path, [COLUMNS, *([row[column] for column in COLUMNS] for row in rows)])


def read_table(path: Path) -> dict[Context, Measured]:
    """Read the CSV.

    Raises:
        InvalidProfile: it is missing or no such CSV; says file and line.
    """
    found: dict[Context, Measured] = {}
    for row in read_csv(path, COLUMNS, error=InvalidProfile).rows:
        block = _block(row)
        iqr_ms = math.nan if row["iqr_ms"].lower() in ("", "nan") else row.number("iqr_ms")
        time = Measured(row.number("latency_ms"), iqr_ms, row.whole("runs"))
        if time.latency_ms < 0 or time.runs < 1:
            row.fail("latency_ms", f"{row['latency_ms']} of {row['runs']} runs is no latency")
        if block in found:
            row.fail("id", f"{row['id']} stands twice")
        found[block] = time
    return found


def _block(row: Row) -> Context:
    try:
        block = block_of(row.cells)
        wanted = block_id(block)
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise InvalidProfile(f"{row.file}:{row.line}: no measured block: {describe(problem)}") from None
    if row["id"] != wanted:
        row.fail("id", f"{row['id']:.40} is not that of the block in its row, {wanted}; restore the table")
    return block
