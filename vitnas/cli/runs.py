"""``vitnas runs``: what runs there are and how they stand; repair one, check one's optimum."""

from __future__ import annotations

import shlex
import textwrap
from typing import TYPE_CHECKING, Annotated, Any

import typer
import typer.core

from vitnas.cli import _common
from vitnas.cli._common import say
from vitnas.cli._option import Json

if TYPE_CHECKING:
    from vitnas.store.repair import Repair
    from vitnas.store.run_list import RunInfo

DEFAULT = "list"
INDENT = "    "
NAME_WIDTH = 28  # a longer name has a line of its own


class RunsGroup(typer.core.TyperGroup):
    """``vitnas runs [FOLDER]`` lists; whatever is no subcommand is a folder."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the default subcommand in."""
        if not args or args[0] not in {*self.commands, "--help"}:
            args = [DEFAULT, *args]
        rest: list[str] = super().parse_args(ctx, args)
        return rest


app = typer.Typer(
    cls=RunsGroup,
    help="Runs: list them, repair one, look at what its score asks for.",
    add_completion=False,
)


@app.command(name=DEFAULT)
def list_(
    folder: Annotated[
        str, typer.Argument(metavar="FOLDER", help="Of runs, or a run [default: runs].", show_default=False)
    ] = "runs",
    as_json: Json = False,
) -> None:
    """List the runs of a folder: 'vitnas runs FOLDER' is enough.

    A run whose process is gone has 'died'; go on with it by 'vitnas search --resume RUN'.
    """
    from vitnas.store.run_list import list_runs

    runs = list_runs(folder)
    if as_json:
        _common.print_json([run.to_dict() for run in runs])
        return
    if not runs:
        say(f"no runs in '{folder}'")
        return
    headers = ("run", "state", "trials", "time", "begun")
    right = {"trials", "time"}
    head, *lines = _common.table_lines(headers, [_row(r) for r in runs], right=right, width=_common.width())
    say(head)
    for line, run in zip(lines, runs, strict=True):
        if len(run.path.name) > NAME_WIDTH:
            say(run.path.name)
        say(line)
        for text in filter(None, (_about(run), run.problem and f"! {run.problem}")):
            say(textwrap.fill(text, _common.width(), initial_indent=INDENT, subsequent_indent=INDENT))
    if any(run.trials is None and run.evaluations for run in runs):
        say("~: not at its end, so these are lines of its log")


def _row(run: RunInfo) -> tuple[str, ...]:
    trials = f"{run.trials:,}" if run.trials is not None else f"~{run.evaluations:,}" * bool(run.evaluations)
    name = run.path.name if len(run.path.name) <= NAME_WIDTH else ""
    begun = run.created[:16].replace("T", " ")
    return (name, run.state, trials, _duration(run.seconds), begun)


def _about(run: RunInfo) -> str:
    """``efficientformer for iphone12: capacity -3.234``."""
    what = " for ".join(filter(None, (run.space, run.target)))
    found = f"{run.quality} {run.best:.4g}" if run.best is not None else run.quality
    text = ": ".join(filter(None, (what, found)))
    return f"{text}; written by {run.holder}" if run.holder else text


def _duration(seconds: float | None) -> str:
    """Two figures at most: 8 s, 3m20s, 2h05m, 4d03h."""
    if seconds is None:
        return ""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d{whole % 86400 // 3600:02d}h"


@app.command()
def repair(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's folder.")],
    as_json: Json = False,
) -> None:
    """Drop the broken lines of a run's logs, which otherwise is refused.

    The log as it was is kept beside it. What the lines held is measured again when the run goes on.
    """
    from vitnas.store.repair import repair_run

    done = repair_run(run)
    if as_json:
        _common.print_json([_document(log) for log in done])
        return
    for log in done:
        if log.original is None:
            say(f"{log.path}: all {log.lines:,} lines are whole; nothing was changed")
            continue
        for line in log.dropped:
            say(f"{log.path}: line {line.number:,} ({line.size:,} bytes) is dropped: {line.text}")
        say(f"{log.path}: {log.lines:,} lines kept; as it was: {log.original}")
    if any(log.dropped for log in done):
        say(f"go on with: vitnas search --resume {shlex.quote(run)}")


@app.command()
def optimum(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A search's folder.")],
    as_json: Json = False,
) -> None:
    """Check what a search's quality asks for: genes at their bounds, published networks beside the front.

    A score that ranks well can have an absurd optimum. The front is compared with random feasible networks
    of the same cost. For example: vitnas runs optimum runs/efficientformer-iphone12
    """
    from vitnas.check.optimum import check_optimum
    from vitnas.report.terminal.score_tables import optimum_table

    found = check_optimum(run)
    if as_json:
        _common.print_json(found.to_dict())
    else:
        _common.console().print(optimum_table(found))


def _document(log: Repair) -> dict[str, Any]:
    dropped = [vars(line) for line in log.dropped]
    return {"path": log.path, "lines": log.lines, "dropped": dropped, "original": log.original}
