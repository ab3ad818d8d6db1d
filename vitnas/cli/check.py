"""``vitnas check``: whether plug-ins keep the contract of their kind."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

import typer

from vitnas.cli import _common
from vitnas.cli._common import say
from vitnas.errors import unknown

FAILED = 1


def check(
    context: typer.Context,
    files: Annotated[
        list[str], typer.Argument(help="Plug-ins' files: .py, or .yaml of a space or a device.")
    ],
    kind: Annotated[
        str | None, typer.Option(help="What they are, where folder, base class or content does not say it.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check your own plug-ins by the contract of their kind, whichever of six it is.

    Exits with 0 if everything holds, with 1 if something does not, and with 2 for wrong input.
    """
    from vitnas.testing import KINDS
    from vitnas.testing.runner import kind_of, run_contract

    if kind is not None and kind not in KINDS:
        raise unknown("kind", kind, KINDS)
    kinds = [(file, kind or kind_of(file)) for file in files]
    found: list[dict[str, Any]] = []
    for file, own in kinds:
        if not as_json:
            say(f"{file}, {own}")
        for result in run_contract(own, file):
            found.append({"file": file, "kind": own, **dataclasses.asdict(result)})
            if not as_json:
                _print(found[-1], trace=bool(context.find_root().params.get("debug")))
    counts = {
        outcome: sum(f["outcome"] == outcome for f in found) for outcome in ("passed", "failed", "skipped")
    }
    if as_json:
        _common.print_json(found)
    else:
        say(", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count))
    raise typer.Exit(FAILED if counts["failed"] else 0)


def _print(result: dict[str, Any], *, trace: bool) -> None:
    reason = f": {result['problem']}" if result["problem"] else ""
    say(f"  {result['outcome']:<7}  {result['name']}{reason}")
    if trace and result["trace"]:
        say(result["trace"], err=True, nl=False)
