"""``vitnas search``: find the best networks of a space for a device and budgets."""

from __future__ import annotations

import shlex
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import typer

from vitnas.cli import _common
from vitnas.cli import options as o
from vitnas.cli._labels import learned
from vitnas.cli._option import joined, takes
from vitnas.cli._runs import gives_settings, is_default, refuse_beside_resume, refuse_changes
from vitnas.cli._search_options import OPTIONS
from vitnas.errors import InvalidInput
from vitnas.units import parse_count, parse_duration, parse_pairs

if TYPE_CHECKING:
    from vitnas.run.result import SearchResult
    from vitnas.searching.config import SearchConfig

INTERRUPTED, FAILED = 130, 2
CHANGEABLE = ("resume", "trials", "time", *o.WORKER_NAMES, "mirror", "as_json")  # beside --resume


@takes(*OPTIONS)
def search(ctx: typer.Context, **given: Any) -> None:
    """Find the best networks of a space for a device and budgets.

    They are written to runs/NAME/best/ as files that a trainer loads. For example:
    vitnas search --space efficientformer --target iphone12 --max-latency 1.6ms
    """
    ends = {
        "trials": parse_count(given["trials"], "--trials") if given["trials"] else None,
        "time_s": parse_duration(given["time"], "--time") if given["time"] else None,
    }
    who = {"workers": o.worker_settings(given), "mirror": given["mirror"]}
    config = None
    if given["resume"] is not None and not gives_settings(ctx, "space", "labels"):
        refuse_changes(ctx, CHANGEABLE)
    else:
        if given["resume"] is not None:
            refuse_beside_resume(ctx, "name", "out", "dry_run")
        config = _config(ctx, given, **ends)
        if given["dry_run"]:
            _dry_run(config, given["as_json"])
            return
    with _common.view(given["as_json"], ends["time_s"]) as view:
        result = _result(given, config, listener=view, **who, **({} if config else ends))
    _finish(result, given["as_json"])
    if given["active"]:
        from vitnas.cli.label import DEFAULT_COUNT, ask, say_asked

        say_asked(ask(str(result.path), DEFAULT_COUNT), str(result.path), err=True)


def _result(given: dict[str, Any], config: SearchConfig | None, **how: Any) -> SearchResult:
    from vitnas.run.search import resume_search, run_search

    if given["resume"] is not None:
        return resume_search(given["resume"], config=config, **how)
    assert config is not None, "a run that begins has settings"
    return run_search(config, root=given["out"], name=given["name"], **how)


def _config(ctx: typer.Context, given: dict[str, Any], **ends: Any) -> SearchConfig:
    from vitnas.searching.config import SearchConfig

    given = {**given, **_preset(ctx), **learned(ctx)}
    if given["space"] is None:
        raise InvalidInput("name a space with --space (see 'vitnas spaces'), or a run with --resume")
    settings = {field.name: given[field.name] for field in fields(SearchConfig) if field.name in given}
    pairs = parse_pairs(given["strategy_options"] or (), "--strategy-option")
    return SearchConfig(
        **settings
        | {name: tuple(given[name] or ()) for name in ("objectives", "then")}
        | {
            "target": joined(given["target"]),
            "budgets": o.budgets_of(given),
            "ordered": not given["unordered"],
        }
        | {"strategy_options": tuple(pairs.items()), **ends}
    )


def _preset(ctx: typer.Context) -> dict[str, Any]:
    """What the preset says of the options that were not given."""
    from vitnas.run.presets import preset

    name = ctx.params["preset"]
    settings = {} if name is None else preset(name)
    return {k: v for k, v in settings.items() if is_default(ctx, k)}


def _dry_run(config: SearchConfig, as_json: bool) -> None:
    from vitnas.report.terminal.dry_run_table import dry_run_table
    from vitnas.run.dry_run import dry_run

    with _common.view(as_json) as view:
        found = dry_run(config, listener=view)
    if as_json:
        _common.print_json(found.to_dict())
    else:
        _common.console().print(dry_run_table(found))


def _finish(result: SearchResult, as_json: bool) -> None:
    """Print the result, and how to go on where there is something left to do."""
    if as_json:
        _common.print_json(result.to_dict())
    else:
        from vitnas.report.terminal.summary import report

        _common.console().print(report(result))
        for file in result.files[:1]:
            first = file.rpartition("/")[2].partition("-")[0]
            typer.echo(f"next: vitnas export {result.path}/best/{first}-*.yaml --to onnx")
    go_on = f"vitnas search --resume {shlex.quote(str(result.path))}"
    if result.state == "interrupted":
        typer.echo(f"interrupted; this is the front so far. Go on with: {go_on}", err=True)
        raise typer.Exit(INTERRUPTED)
    if result.state == "rung failed":
        typer.echo(f"the last rung failed; these are the networks of quality {result.quality}", err=True)
        raise typer.Exit(FAILED)
    if result.state == "out of time":
        typer.echo(f"stopped by --time after {result.trials:,} trials. Go on with: {go_on}", err=True)
