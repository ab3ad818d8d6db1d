"""``vitnas profile``: make devices, one command a file."""

from __future__ import annotations

import typer

from vitnas.cli.profile.calibrate import calibrate
from vitnas.cli.profile.check import check
from vitnas.cli.profile.fit import fit
from vitnas.cli.profile.import_ import import_
from vitnas.cli.profile.kit import kit
from vitnas.cli.profile.measure import measure
from vitnas.cli.profile.memory import memory
from vitnas.cli.profile.report import report

app = typer.Typer(no_args_is_help=True, help="Make a device, or check one against measured latencies.")
app.command()(measure)
app.command()(kit)
app.command("import")(import_)
app.command()(fit)
app.command()(calibrate)
app.command()(check)
app.command()(memory)
app.command()(report)
