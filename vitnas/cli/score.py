"""``vitnas score``: price and score architectures."""

from __future__ import annotations

from typing import Any

import typer

from vitnas.cli import _common
from vitnas.cli import options as o
from vitnas.cli._option import Option, takes
from vitnas.cli._runs import asked


@takes(
    o.FILES,
    o.TARGET,
    o.BATCH.but(least=1),
    o.RESOLUTION.but(help="Side of the images, or height and width: 224x320 [default: the networks' own]."),
    o.PROXIES,
    o.SEED,
    o.REPEATS.but(least=1),
    Option(
        "proxy_resolution_px",
        "PX",
        "The same of the images that proxies see [default: what each proxy wants].",
    ),
    Option(
        "proxy_batch",
        "NUMBER",
        "Images that proxies see [default: what each proxy wants].",
        int | None,
        least=1,
    ),
    o.IMAGES,
    o.DEVICE,
    *o.WORKERS,
    o.JSON.but(help="A JSON array with one object a file."),
)
def score(ctx: typer.Context, **given: Any) -> None:
    """Price and score architectures: files or published networks.

    Parameters, MACs, activations, peak activation memory, latency on a device, training-free scores.
    With any option of workers a network that cannot be scored is said, and the others go on. For example:
    vitnas score best/*.yaml --proxy naswot --ray auto
    """
    from vitnas.api.prices import score

    how = asked(ctx)
    if all(given[name] is None for name in o.WORKER_NAMES):  # here and now: what fails is an error
        del how["workers"]
    rows = score(how.pop("files"), **how, progress=_common.view(given["as_json"])).rows
    if given["as_json"]:
        _common.print_json(rows)
        return
    from vitnas.report.terminal.score_tables import score_tables

    _common.console().print(score_tables(rows))
