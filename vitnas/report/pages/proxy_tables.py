"""How far scores ranked networks as their accuracies did, for a terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from vitnas.formats.resolution import any_in_px, by_pixels, parse_resolution
from vitnas.report.terminal.fitted_table import Column, FittedTable

Entry = Mapping[str, Any]
DIM = "dim"


def check_tables(document: Mapping[str, Any]) -> RenderableType:
    """A line a score, the same by part, and what it rests on.

    Args:
        document: what ``vitnas.check.run_check`` returns.
    """
    entries: list[Entry] = document["proxies"]
    parts: list[RenderableType] = [Text(heading(document)), Text(), _whole(entries)]
    counts = [entry["all_rows"] for entry in entries if "all_rows" in entry]
    if counts:
        parts += [Text(f"\non all {counts[0]['n']} rows:\n"), _whole(counts)]
    names = part_names(entries)
    if names:
        parts += [Text("\ntau by part (number of networks):\n"), _by_part(entries, names)]
    if names and counts:
        parts += [Text("\nthe same on all rows:\n"), _by_part(counts, names)]
    parts += [Text(), *map(Text, _notes(document))]
    return Group(*parts)


def heading(document: Mapping[str, Any]) -> str:
    """``autoformer_tiny, imagenet_top1: 120 of 601 networks``."""
    rows, sample = document["labelled"], document["sample"]
    drawn = f"{sample} of {rows}" if sample < rows else f"all {rows}"
    return f"{document['space']}, {document['label']}: {drawn} networks of {document['truth']}"


def figure(value: float | None, decimals: int = 2) -> str:
    """``0.71``; ``-`` for a figure that is not defined."""
    return "-" if value is None or math.isnan(value) else f"{value:.{decimals}f}"


def seconds(value: float | None) -> str:
    """Two significant digits; ``-`` if unknown, ``0`` below a tenth of a millisecond."""
    if value is None or math.isnan(value):
        return "-"
    return "0" if value < 1e-4 else f"{value:.2g}"


def part_names(entries: Sequence[Entry]) -> list[tuple[str, str]]:
    """(group, band) of all parts, in their order."""
    return list(dict.fromkeys((p["group"], p["band"]) for entry in entries for p in entry["parts"]))


def _whole(entries: Sequence[Entry]) -> FittedTable:
    intervals = [f"{figure(e['tau_low'])} to {figure(e['tau_high'])}" for e in entries]
    columns = [
        Column("score", [e["proxy"] for e in entries], right=False),
        Column("n", [str(e["n"]) for e in entries]),
        Column("tau", [figure(e["tau"]) for e in entries]),
        Column("95 %", intervals),
        Column("Spear-\nman", [figure(e["spearman"]) for e in entries], drop=2),
        Column("regret", [figure(e["regret"], 3) for e in entries]),
        Column("s", [seconds(e["seconds_per_architecture"]) for e in entries]),
        Column("R2 on\nshape", [figure(e["r2_shape"]) for e in entries], drop=1),
        Column("tau\nbeyond", [figure(e["residual_tau"]) for e in entries], drop=1),
    ]
    return FittedTable(columns, ["" if e["kind"] == "proxy" else DIM for e in entries])


def _by_part(entries: Sequence[Entry], names: Sequence[tuple[str, str]]) -> FittedTable:
    columns = [Column("score", [e["proxy"] for e in entries], right=False)]
    for name in names:
        found = [next((p for p in e["parts"] if (p["group"], p["band"]) == name), None) for e in entries]
        count = max(p["n"] for p in found if p)
        cells = [figure(p["tau"]) if p else "-" for p in found]
        columns.append(Column(f"{' '.join(filter(None, name))}\n({count})", cells))
    return FittedTable(columns, ["" if e["kind"] == "proxy" else DIM for e in entries])


def _notes(document: Mapping[str, Any]) -> list[str]:
    """What must be known to read the figures."""
    entries: list[Entry] = document["proxies"]
    median = entries[0]["median_regret"]
    random = "" if median is None or math.isnan(median) else f"; the median network's is {median:.3f}"
    lines = [
        f"regret: best {document['label']} minus that of the network with the best score{random}",
        "R2 on shape: share of the score that depth, width, expansion and heads explain; "
        "tau beyond: what is left of the score against what is left of the label",
        f"seed {document['seed']}, {document['resamples']} bootstrap resamples, {images_of(document)}",
    ]
    if any(part["tau"] is None or math.isnan(part["tau"]) for part in entries[-1]["parts"]):
        lines.append("a group or band of fewer than 10 networks has no tau")
    if document["unlabelled"]:
        lines.append(f"{document['unlabelled']} rows without a {document['label']} are left out")
    if document["skipped"]:
        lines.append(f"{document['skipped']} rows of other spaces are left out")
    lines += [
        f"{entry['proxy']} failed on {entry['failures']} of {document['sample']} networks: {entry['failure']}"
        for entry in entries
        if entry["failures"]
    ]
    return lines


def images_of(document: Mapping[str, Any]) -> str:
    """What the networks were shown."""
    given = (entry["resolution_px"] for entry in document["proxies"])
    sizes = sorted({parse_resolution(size) for size in given if size}, key=by_pixels)
    kind = f"images of {document['images']}" if document["images"] else "Gaussian images"
    return f"{kind} of {any_in_px(sizes)}" if sizes else kind
