"""``vitnas profile import``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from vitnas.cli import options as o
from vitnas.cli._common import print_table, say
from vitnas.cli._option import Option, takes
from vitnas.cli.profile._common import print_calibration, print_held_out

if TYPE_CHECKING:
    from vitnas.hardware.kit.import_results import ImportResult


@takes(
    Option("results", None, "CSV with id, latency_ms and perhaps iqr_ms, runs.", Path, ..., positional=True),
    o.PROFILE_NAME.but(help="Of the device; writes NAME.yaml and NAME.csv."),
    Option("kit", None, "Folder of the kit [default: that of the results].", Path | None),
    *o.CONDITIONS,
    Option("threads", None, "Threads of the runtime.", int | None),
    Option("dtype", None, "float32, float16 or int8 [default: the kit's]."),
    Option("unit", None, "Of the times: s, ms or us [default: ms]."),
    o.PROFILE_OUT,
)
def import_(ctx: typer.Context, **given: Any) -> None:
    """Check what somebody measured with a kit, and make it a device.

    Conditions that are not stated here are taken from the file that the kit's scripts write beside the
    results, as far as it goes.
    """
    from vitnas.hardware.kit.import_results import ImportSettings, import_results
    from vitnas.hardware.kit.results import InvalidResults

    try:
        made = import_results(ImportSettings(**given), lambda text: say(f"warning: {text}", err=True))
    except InvalidResults as problem:
        for line in problem.problems[1:]:
            say(line, err=True)
        raise
    _print_import(made)


def _print_import(result: ImportResult) -> None:
    from vitnas.hardware.load_device import load_device

    profile = result.made.profile
    table = profile.table
    assert table is not None
    say(f"{load_device(str(result.path)).label}\n{profile.description}\n{profile.source}\n")
    print_table(
        ("operator", "blocks", "in the kit", "measured"),
        [(row.op, str(row.blocks), str(row.in_kit), str(row.measured)) for row in result.coverage],
    )
    say(f"\na call: {table.empty_ms:.3g} ms, subtracted from every block; chains of {table.copies}")
    print_calibration(profile)
    print_held_out(result.made)
    say(f"\nwrote {result.path}; use it with: vitnas search --target {result.path.stem} ...")
