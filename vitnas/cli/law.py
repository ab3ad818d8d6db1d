"""``vitnas law``: the law of expected accuracy: check it, show a family, fit it anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vitnas.cli import _common
from vitnas.cli._common import say
from vitnas.cli._option import Json

if TYPE_CHECKING:
    from vitnas.law.check import Agreement

app = typer.Typer(help="Say what accuracy to expect, by published networks.", add_completion=False)
Table = Annotated[
    str | None,
    typer.Option("--published", metavar="CSV", help="Networks to learn from [default: ours]."),
]


@app.command()
def check(
    truth: Annotated[
        str | None,
        typer.Option("--truth", metavar="CSV", help="Other networks: id, img_size, top1, params_m."),
    ] = None,
    published: Table = None,
    as_json: Json = False,
) -> None:
    """Compare expected with stated accuracies, of networks that the law has not seen, or of its own left out.

    A table may have columns gmacs and macts (millions of activations); else they are timm's for the id.
    For example: vitnas law check --truth results.csv
    """
    from vitnas.law.check import check_left_out, check_unseen
    from vitnas.law.published import read_published

    law, known = _law(published)
    unknown: list[str] = []
    if truth is None:
        found = check_left_out(law, known)
    else:
        rows, unknown = read_published(truth)
        found = check_unseen(law, known, rows)
    if as_json:
        _common.print_json({"parts": [part.to_dict() for part in found], "without_costs": unknown})
        return
    if not found:
        say("the law was fitted on all of these networks: nothing to check")
        return
    _print(found)
    if unknown:
        say(f"{len(unknown)} without known MACs and activations are left out, such as {unknown[0]}")


@app.command()
def show(
    family: Annotated[str, typer.Argument(metavar="FAMILY", help="Such as efficientformerv2, deit or swin.")],
    as_json: Json = False,
) -> None:
    """Show a family's published networks beside what is expected of each without it.

    For example: vitnas law show efficientformerv2
    """
    from vitnas.errors import unknown

    law, known = _law(None)
    names = sorted({r.family for r in known})
    if family not in names:
        raise unknown("family", family, names)
    expected = law.leave_out([r.arch for r in known])
    rows = [
        {
            "network": r.id,
            "resolution_px": r.resolution_px,
            "params_m": r.params_m,
            "gmacs": r.gmacs,
            "top1": r.top1,
            "expected": float(expected.top1[k]),
            "half_width": float(expected.half_width[k]),
        }
        for k, r in enumerate(known)
        if r.family == family
    ]
    rows.sort(key=lambda row: float(row["gmacs"]))
    if as_json:
        _common.print_json(rows)
        return
    headers = ("network", "px", "params M", "MACs G", "stated", "expected")
    cells = [_cells(row) for row in rows]
    _common.print_table(headers, cells, right=set(headers[1:]))
    say("expected: ImageNet top-1 with this family's recipe, the network itself left out; 90 % intervals")


@app.command()
def fit(
    published: Annotated[str, typer.Argument(metavar="CSV", help="Networks: id, img_size, top1, params_m.")],
    out: Annotated[str, typer.Option("--out", metavar="FILE", help="Where the spreads go.")] = "law.json",
) -> None:
    """Find the spreads of the law on a table of published networks; takes some seconds.

    For example: vitnas law fit published.csv --out law.json
    """
    from vitnas.law.model import Law
    from vitnas.law.published import read_published
    from vitnas.store.disk import atomic_write_json

    rows, _ = read_published(published)
    law = Law.fit(rows)
    atomic_write_json(out, dict(law.state()), indent=2)
    say(f"wrote {out}, from {len(rows)} networks of {len({r.family for r in rows})} families")
    slopes = ", ".join(f"{name} {value:+.3f}" for name, value in law.slopes().items())
    say(f"ln error changes, for one more unit of the logarithm or the flag, by: {slopes}")


def _law(published: str | None) -> tuple[Any, list[Any]]:
    from vitnas.law.model import Law, shipped_law
    from vitnas.law.published import read_published

    if published is None:
        return shipped_law(), read_published()[0]
    rows, _ = read_published(published)
    return Law.fit(rows), rows


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    expected = f"{row['expected']:.1f} ±{row['half_width']:.1f}"
    size = (f"{row['params_m']:.1f}", f"{row['gmacs']:.2f}")
    return (row["network"], str(row["resolution_px"]), *size, f"{row['top1']:.1f}", expected)


def _print(found: Sequence[Agreement]) -> None:
    headers = ("", "n", "MAE", "median", "P90", "interval", "covers", "MACs alone", "params alone")
    rows = [
        (
            *(part.of, str(part.networks)),
            *(f"{points:.2f}" for points in (part.mae, part.median, part.p90)),
            *(f"±{part.half_width:.2f}", f"{part.covered:.0%}"),
            *(f"{points:.2f}" for points in (part.macs_mae, part.params_mae)),
        )
        for part in found
    ]
    _common.print_table(headers, rows, right=set(headers[1:]))
    say("points of ImageNet top-1, 90 % intervals; MACs alone, params alone: MAE of a straight line\n")
    worst = [
        (miss.id, str(miss.img_size), f"{miss.top1:.1f}", f"{miss.expected:.1f} ±{miss.half_width:.1f}")
        for miss in found[0].worst
    ]
    _common.print_table(("worst", "px", "stated", "expected"), worst, right={"px", "stated", "expected"})
