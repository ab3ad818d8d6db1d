"""``vitnas proxies``: list the training-free scores, hold them against measured accuracies."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from vitnas.cli import _common, lists
from vitnas.cli import options as o
from vitnas.cli._common import say
from vitnas.cli._option import Json, Option, takes
from vitnas.cli.profile._common import names_of

app = typer.Typer(help="Training-free scores: list them, hold them against accuracies.")

ONE_WORKER = (
    "Processes, or actors of a Ray cluster; scores do not depend on it [default: 1, or the whole cluster]."
)


@app.callback(invoke_without_command=True)
def proxies(context: typer.Context, as_json: Json = False) -> None:
    """Training-free scores: list them, hold them against accuracies."""
    if not context.invoked_subcommand:
        lists.proxies(as_json)


@app.command()
@takes(
    o.SPACE.but(help="Space of the architectures: a name or a file.", type=str, default=...),
    Option("truth", "FILE", "CSV of architectures and their measured accuracies.", Path, ...),
    Option("proxy", "A,B", "What to check; A+B+macs is one score [default: all].", list[str] | None),
    o.LABEL.but(metavar="COLUMN", help="Accuracies to hold against [default: the first]."),
    Option("limit", "NUMBER", "Networks, drawn over depth and width [default: all].", int | None),
    o.SEED.but(help="Of the sample, and of weights and images [default: 0]."),
    o.REPEATS.but(least=1),
    o.RESOLUTION.but(help="Side of the images, or height and width: 224x320 [default: each proxy's own]."),
    o.IMAGES,
    o.DEVICE,
    Option("bands", "LOW-HIGH", "Bands of parameters, 15M-19M,19M-25M [default: even ones]."),
    o.COMBINE.but(
        help="How A+B is summed: log-rank (AZ-NAS) or standard [default: log-rank].",
        type=str,
        default="log-rank",
    ),
    *(w.but(help=ONE_WORKER) if w.name == "workers" else w for w in o.WORKERS),
    o.OUT.but(help="Folder to keep scores in [default: runs/proxies-SPACE].", type=Path | None, default=None),
    o.JSON.but(help="A JSON array with one object a score."),
)
def check(ctx: typer.Context, **given: Any) -> None:
    """Hold proxies against measured accuracies.

    Builds every network of the table, scores it, and prints how far each score ranks the networks as their
    accuracies do, beside counts that need no network. Stop it at any time: the same command goes on.
    """
    from vitnas.bench.task import Draws
    from vitnas.check.run_check import check_proxies
    from vitnas.check.truth import CheckSettings

    kept = ("space", "truth", "label", "limit", "bands", "combine")
    drawn = ("seed", "repeats", "resolution_px", "images", "device")
    settings = CheckSettings(
        **{name: given[name] for name in kept},
        proxies=names_of(given["proxy"] or ()),
        draws=Draws(**{name: given[name] for name in drawn}),
    )
    workers = o.worker_settings(given, default=1)
    with _common.view(given["as_json"]) as view:
        document = check_proxies(settings, out=given["out"], workers=workers, listener=view)
    if given["as_json"]:
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
    from vitnas.store.disk import atomic_write_text

    folder = out / "proxies"
    folder.mkdir(parents=True, exist_ok=True)
    for given in folders or ():
        take_in(given, folder)
    results = read_results(folder)
    for doubt in doubts(results):
        say(f"warning: {doubt}", err=True)
    picture = True
    try:
        write_plot(out / PLOT, results)
    except MissingExtra as problem:
        say(f"warning: no picture: {problem}", err=True)
        picture = False
    atomic_write_text(out / "proxies.md", proxy_page(results, picture=picture))
    say(f"wrote {out / 'proxies.md'}: {len(results.checks)} checks")
