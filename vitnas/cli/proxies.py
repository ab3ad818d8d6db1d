"""``vitnas proxies``: list the training-free scores, hold them against measured accuracies."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vitnas.cli import _check_options as o
from vitnas.cli import _common, lists
from vitnas.cli import _worker_options as w
from vitnas.cli.profile._common import names_of

app = typer.Typer(help="Training-free scores: list them, hold them against accuracies.")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback(invoke_without_command=True)
def proxies(context: typer.Context, as_json: Json = False) -> None:
    """Training-free scores: list them, hold them against accuracies."""
    if not context.invoked_subcommand:
        lists.proxies(as_json)


@app.command()
def check(
    ctx: typer.Context,
    space: o.Space,
    truth: o.Truth,
    proxy: o.Proxy = None,
    label: o.Label = None,
    limit: o.Limit = None,
    seed: o.Seed = 0,
    repeats: o.Repeats = None,
    resolution_px: o.Resolution = None,
    images: o.Images = None,
    device: o.Device = "cpu",
    bands: o.Bands = None,
    combine: o.Combine = "log-rank",
    workers: w.OneWorker = None,
    ray: w.Ray = None,
    cpus_per_worker: w.CpusPerWorker = None,
    gpus_per_worker: w.GpusPerWorker = None,
    candidate_timeout: w.CandidateTimeout = None,
    out: o.Out = None,
    as_json: o.Json = False,
) -> None:
    """Hold proxies against measured accuracies.

    Builds every network of the table, scores it, and prints how far each score ranks the networks as their
    accuracies do, beside counts that need no network. Stop it at any time: the same command goes on.
    """
    from vitnas.bench.task import Draws
    from vitnas.check.run_check import check_proxies
    from vitnas.check.truth import CheckSettings

    settings = CheckSettings(
        space=space,
        truth=truth,
        proxies=tuple(name for text in proxy or () for name in names_of(text)),
        label=label,
        limit=limit,
        bands=bands,
        combine=combine,
        draws=Draws(seed, repeats, resolution_px, str(images) if images else None, device),
    )
    with _common.view(as_json) as view:
        document = check_proxies(settings, out=out, workers=w.worker_settings(ctx, default=1), listener=view)
    if as_json:
        _common.print_json(document["proxies"])
        return
    from vitnas.report.pages.proxy_tables import check_tables

    _common.console().print(check_tables(document))


@app.command()
def report(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FOLDER]...", help="Folders of 'vitnas proxies check' to take in."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of proxies.md and its pictures.")] = Path("docs"),
) -> None:
    """Write a page on all proxies: what each is, and how far to believe it in each space.

    Copies the results of the folders to OUT/proxies/SPACE.LABEL.NUMBER.json, and writes OUT/proxies.md and,
    with matplotlib, OUT/proxies/tau.png from all that are there. What stands in OUT/proxies/NAME.notes.md
    goes into the page as it is; OUT/proxies/known.csv holds what was measured before.
    """
    from vitnas.errors import MissingExtra
    from vitnas.report.figures.proxy_plot import write_plot
    from vitnas.report.pages.proxy_page import PLOT, doubts, proxy_page
    from vitnas.report.pages.proxy_results import read_results, take_in

    folder = out / "proxies"
    folder.mkdir(parents=True, exist_ok=True)
    for given in folders or ():
        take_in(given, folder)
    results = read_results(folder)
    for doubt in doubts(results):
        typer.echo(f"warning: {doubt}", err=True)
    picture = True
    try:
        write_plot(out / PLOT, results)
    except MissingExtra as problem:
        typer.echo(f"warning: no picture: {problem}", err=True)
        picture = False
    (out / "proxies.md").write_text(proxy_page(results, picture=picture), encoding="utf-8")
    typer.echo(f"wrote {out / 'proxies.md'}: {len(results.checks)} checks")
