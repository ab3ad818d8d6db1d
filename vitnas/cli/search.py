"""``vitnas search``: find the best networks of a space for a device and budgets."""

from __future__ import annotations

import importlib.util
import os
import shlex
from typing import TYPE_CHECKING, Any

import typer

from vitnas.cli import _common
from vitnas.cli._common import say
from vitnas.cli._option import takes
from vitnas.cli._runs import asked
from vitnas.cli._search_options import OPTIONS
from vitnas.errors import go_on
from vitnas.units import parse_duration

if TYPE_CHECKING:
    from vitnas.run.result import DryRun, SearchResult

INTERRUPTED, FAILED = 130, 2


@takes(*OPTIONS)
def search(ctx: typer.Context, **given: Any) -> None:
    """Find the best networks of a space for a device and budgets.

    They are written to runs/NAME/best/ as files that a trainer loads. For example:
    vitnas search --space efficientformer --target iphone12 --max-latency 1.6ms
    """
    from vitnas.api.run_object import Run
    from vitnas.api.start_search import search
    from vitnas.run.search import Interrupted

    time_s = parse_duration(given["time"], "`time`") if given["time"] else None
    found: Run | DryRun = search(**asked(ctx), progress=_common.view(given["as_json"], time_s))
    if not isinstance(found, Run):
        _print_dry_run(found, given["as_json"])
        return
    try:
        _finish(found.result, given["as_json"])
    except KeyboardInterrupt as stop:  # a second one, while the first is being told of
        raise stop if str(stop) else Interrupted(found.result.path) from None
    if given["active"]:
        from vitnas.cli.label import DEFAULT_COUNT, ask, say_asked

        say_asked(ask(str(found.result.path), DEFAULT_COUNT), str(found.result.path), err=True)


def _print_dry_run(found: DryRun, as_json: bool) -> None:
    from vitnas.report.terminal.dry_run_table import dry_run_table

    if as_json:
        _common.print_json(found.to_dict())
    else:
        _common.console().print(dry_run_table(found))


def _finish(result: SearchResult, as_json: bool) -> None:
    """Print the result, and how to go on where there is something left to do."""
    if result.state == "interrupted" and not result.trials:
        raise KeyboardInterrupt(f"interrupted; go on with {go_on(result.path)}")
    if as_json:
        _common.print_json(result.to_dict())
    else:
        from vitnas.report.terminal.summary import report

        _common.console().print(report(result))
        if found := [member for member in result.front if member.file and member.quality is not None]:
            best = max(found, key=lambda member: member.quality or 0.0)
            to = "onnx" if importlib.util.find_spec("onnx") else "torch"
            say(f"next: vitnas export {shlex.quote(os.path.relpath(best.file))} --to {to}")
    command = f"vitnas search --resume {shlex.quote(str(result.path))}"
    if result.state == "interrupted":
        say(f"interrupted; this is the front so far. Go on with: {command}", err=True)
        raise typer.Exit(INTERRUPTED)
    if result.state == "rung failed":
        say(f"the last rung failed; these are the networks of quality {result.quality}", err=True)
        raise typer.Exit(FAILED)
    if result.state == "out of time":
        say(f"stopped by --time after {result.trials:,} trials. Go on with: {command}", err=True)
