"""One device in Markdown."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

from vitnas.figures import format_quantity
from vitnas.formats.resolution import as_scalar, span_in_px
from vitnas.hardware.profile.profile_fields import KINDS, METRICS, Domain, Error, Profile
from vitnas.hardware.published.compare_file import HeldOut
from vitnas.hardware.roofline.metrics import summarize
from vitnas.hardware.roofline.roofline import BASE, CALL
from vitnas.report.terminal.wording import duration

SIDE_BY_SIDE = 3  # families in a line
LONG = 12  # lines of a table, above which it is folded


def section(name: str, profile: Profile, held_out: Sequence[HeldOut], notes: str, picture: str) -> str:
    """All about a device.

    Args:
        name: that ``--target`` takes.
        profile: its file.
        held_out: predictions of networks that it was not made from.
        notes: hand-written Markdown that goes in as it is.
        picture: path of the scatter plot from the page; empty if there is none.
    """
    parts = [f"## {name}\n\n**{profile.kind.capitalize()}**: {KINDS[profile.kind]}.\n"]
    parts.append(_facts(profile))
    if profile.error is not None:
        parts.append(_error(profile.error, len(held_out)))
    if picture:
        parts.append(f"![{name}: predicted against true]({picture})\n")
    if profile.error is not None:
        parts.append(_by_part(profile, profile.error, held_out))
    parts += [_table(profile), _limits(profile.limits), f"{notes}\n" if notes else ""]
    parts += [_coefficients(profile), _domain(profile.domain) if profile.domain else ""]
    return "\n".join(part for part in parts if part)


def _facts(profile: Profile) -> str:
    c = profile.conditions
    least, most = profile.resolution_px
    pixels = span_in_px(least, most) if most else ""
    facts = {
        "what": profile.description,
        "full name": f"`{profile.name}`",
        "device": c.device,
        "metric": f"{profile.metric}: {METRICS[profile.metric]}",
        "runtime": c.runtime,
        "system": c.os,
        "compute units": c.compute_units,
        "dtype, batch": f"{c.dtype}, {c.batch}",
        "threads": str(c.threads or ""),
        "images": pixels,
        "date": c.date,
        "from": profile.source,
        "families": str(profile.rows.families) if profile.rows else "",
    }
    return table(("", ""), [(key, text) for key, text in facts.items() if text])


def _error(error: Error, count: int) -> str:
    low, high = error.interval_80
    rows = [
        ("mean absolute error (MAPE)", percent(error.mape)),
        ("median error, 90 % quantile", f"{percent(error.median_error)}, {percent(error.p90)}"),
        ("within 10 %, within 20 %", f"{100 * error.within_10:.0f} %, {100 * error.within_20:.0f} %"),
        ("Spearman, Kendall", f"{figure(error.spearman, 3)}, {figure(error.kendall, 3)}"),
        ("80 % of the truths", f"x{low:.2f} to x{high:.2f} of the prediction"),
    ]
    if not math.isnan(error.macs_only_mape):
        rows.append(("MAPE of MACs only", percent(error.macs_only_mape)))
    if not math.isnan(error.noise):
        rows.append(("laboratories differ on the same network and device by", percent(error.noise)))
    rows.append(("the band ± beside every figure", percent(error.band)))
    return f"Error, {error.method} ({count or 'unknown number of'} predictions):\n\n" + table(("", ""), rows)


def _by_part(profile: Profile, error: Error, held_out: Sequence[HeldOut]) -> str:
    if profile.kind == "fitted" and error.families:
        return _by_family(error.families)
    return "\n".join((_by_group(held_out), _by_network(held_out))) if held_out else ""


def _by_family(families: Mapping[str, tuple[int, float]]) -> str:
    ranked = sorted(families.items(), key=lambda item: (-item[1][1], item[0]))
    cells = [(family, str(rows), f"{100 * mape:.1f}") for family, (rows, mape) in ranked]
    height = -(-len(cells) // SIDE_BY_SIDE)
    columns = [cells[k : k + height] for k in range(0, len(cells), height)]
    empty = ("", "", "")
    lines = [sum((c[k] if k < len(c) else empty for c in columns), ()) for k in range(height)]
    header = ("family left out", "rows", "MAPE %") * len(columns)
    return _folded("Families", table(header, lines, right={"rows", "MAPE %"}), height)


def _by_group(held_out: Sequence[HeldOut]) -> str:
    lines = []
    for group in sorted({r.family for r in held_out}):
        rows = [r for r in held_out if r.family == group]
        found = summarize([r.predicted_ms for r in rows], [r.true_ms for r in rows])
        within = f"{100 * found.within_10:.0f}"
        lines.append((group, str(found.n), f"{100 * found.mape:.1f}", within, figure(found.spearman, 3)))
    header = ("networks not seen", "number", "MAPE %", "within 10 %", "Spearman")
    return table(header, lines, right=set(header[1:]))


def _by_network(held_out: Sequence[HeldOut]) -> str:
    lines = [
        (
            r.network,
            r.family,
            str(as_scalar(r.resolution_px) or ""),
            figure(r.true_ms),
            figure(r.predicted_ms),
            f"{100 * (r.predicted_ms / r.true_ms - 1):+.1f}",
        )
        for r in sorted(held_out, key=lambda r: r.true_ms)
    ]
    header = ("network", "part", "px", "true ms", "predicted ms", "error %")
    return _folded("Networks", table(header, lines, right=set(header[2:])), len(lines))


def _table(profile: Profile) -> str:
    t, calibration, prediction = profile.table, profile.calibration, profile.prediction
    rows = []
    if t is not None:
        chained = f", chained in copies of {t.copies}" if t.copies > 1 else ""
        rows += [
            ("blocks", f"{t.blocks:,} of {', '.join(t.spaces)}{chained}"),
            ("timed runs of each", f"{t.runs} or more"),
            ("IQR of a usual block", percent(t.median_iqr)),
            ("drift of the reference block", percent(t.drift)),
            ("an empty call, subtracted", f"{t.empty_ms:.3g} ms"),
            ("time to measure", duration(t.seconds)),
        ]
    if calibration is not None:
        sums = f"{calibration.base_ms:.3g} ms + {calibration.scale:.3f} x the sum of its blocks"
        rows.append(("a network", f"{sums}, from {calibration.networks} networks"))
    if prediction is not None:
        missing = f"missed by {percent(prediction.error)}"
        if not math.isnan(prediction.unseen_error):
            missing += f", by {percent(prediction.unseen_error)} where its operator was not measured either"
        rows.append(("a block that the table lacks", missing))
    return table(("", ""), rows) if rows else ""


def _coefficients(profile: Profile) -> str:
    rows = [
        (f"`{name}`", f"{value:.4g}", _reading(name, value))
        for name, value in profile.coefficients.items()
        if value
    ]
    if not rows:
        return ""
    title = "Coefficients" if profile.kind == "fitted" else "Coefficients for blocks that the table lacks"
    return _folded(title, table(("coefficient", "value", "reads as"), rows, right={"value"}), LONG + 1)


def _reading(name: str, value: float) -> str:
    if name == BASE:
        return "what every network pays"
    if name == CALL:
        return "what every kernel pays"
    if name.endswith("_ms_per_gmac"):
        return f"{2 / value:.3g} TFLOP/s" if value < 2 else f"{2e3 / value:,.0f} GFLOP/s"
    return f"{1 / value:,.0f} GB/s" if value < 1e-1 else f"{1 / value:.2g} GB/s"


def _limits(limits: Mapping[str, float]) -> str:
    if not limits:
        return ""
    rows = [(f"`{name}`", _limit(name, most)) for name, most in limits.items()]
    return "Limits, which are budgets unless others are given:\n\n" + table(("cost", "at most"), rows)


def _limit(name: str, most: float) -> str:
    return format_quantity(name, most) if name.endswith("bytes") else f"{most:,.0f}"


def _domain(domain: Domain) -> str:
    rows = [(f"`{name}`", f"{low:.4g}", f"{high:.4g}") for name, (low, high) in domain.ranges.items()]
    ranges = table(("quantity of a network", "least", "most"), rows, right={"least", "most"})
    calls = ", ".join(f"`{call}`" for call in domain.calls)
    text = (
        "A network beyond these ranges, or with another call that moves, pools or resizes, is flagged "
        f"wherever its figure is printed:\n\n{ranges}\n"
        f"Calls of the networks that it was made from: {calls or 'none'}.\n"
    )
    return _folded("Where it is a guess", text, LONG + 1)


def _folded(title: str, text: str, lines: int) -> str:
    if lines <= LONG:
        return text
    return f"<details><summary>{title}</summary>\n\n{text}\n</details>\n"


def table(header: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[str] = ()) -> str:
    """A Markdown table; ``right`` names the columns that are aligned to the right."""
    rule = ["---:" if name in right else "---" for name in header]
    lines = [[cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in (header, rule, *rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def percent(value: float) -> str:
    """``9.7 %``; ``unknown`` if nobody knows."""
    return "unknown" if math.isnan(value) else f"{100 * value:.1f} %"


def figure(value: float, decimals: int | None = None) -> str:
    """With so many decimals, or four significant digits; ``-`` for nan."""
    if math.isnan(value):
        return "-"
    return f"{value:.4g}" if decimals is None else f"{value:.{decimals}f}"
