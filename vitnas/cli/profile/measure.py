"""``vitnas profile measure``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import typer

from vitnas.cli import options as o
from vitnas.cli._common import print_table, say
from vitnas.cli._option import Option, switch, takes
from vitnas.cli.profile._common import Bar, names_of, print_calibration, print_held_out

if TYPE_CHECKING:
    from vitnas.hardware.measure.plan import Plan
    from vitnas.hardware.measure.probe import Probe
    from vitnas.hardware.measure.run import MeasureResult
    from vitnas.hardware.measure.session import Visit

NOISY = 0.05  # drift, or spread of a usual block, above which a table is doubtful


@takes(
    o.SPACES,
    o.PROFILE_NAME.but(help="Of the device; writes NAME.yaml and NAME.csv."),
    Option(
        "runtime",
        None,
        "onnxruntime, openvino, torch (compiled), torch-eager, or a file [default: onnxruntime].",
        str,
        "onnxruntime",
    ),
    Option("threads", None, "Threads of the runtime [default: 1].", int, 1),
    *o.CHAINS,
    Option("runs", None, "Timed calls of everything, at least [default: 30].", int, 30),
    Option(
        "copies",
        None,
        "Chain so many copies of a block, where a call costs more than a block [default: 1].",
        int,
        1,
    ),
    o.PROFILE_OUT,
    switch("fresh", "Measure all anew; what was measured under this name stays until that is complete."),
)
def measure(ctx: typer.Context, **given: Any) -> None:
    """Measure every block of a space on this machine, and make it a device.

    Every distinct block is built, exported and timed in the runtime, then whole networks that check the sums.
    Stop it at any time; the same command goes on. Another --space under the same name adds to the table.
    """
    from vitnas.hardware.measure.run import MeasureSettings, measure_profile

    settings = MeasureSettings(spaces=names_of(given.pop("space")), **given)
    with MeasureView() as view:
        result = measure_profile(settings, view)
    _print_made(result)


def _print_made(result: MeasureResult) -> None:
    """What a profile of a table says of itself."""
    from vitnas.hardware.load_device import load_device

    profile, table = result.profile, result.profile.table
    assert table is not None
    say(f"{load_device(str(result.path)).label}\n{profile.description}\n{profile.source}")
    say(
        f"{table.seconds:.0f} s; median IQR of a block {100 * table.median_iqr:.1f} %; "
        f"drift of the reference block {100 * table.drift:.1f} %"
    )
    print_calibration(profile)
    print_held_out(result.made)
    if profile.error is not None:
        if not math.isnan(profile.error.macs_only_mape):
            macs_only = f"{100 * profile.error.macs_only_mape:.1f} %"
            say(f"a line through MACs, on the same networks: MAPE {macs_only}")
        families = profile.error.families.items()
        print_table(
            ("networks", "number", "MAPE %"), [(f, str(n), f"{100 * e:.1f}") for f, (n, e) in families]
        )
    if result.problems:
        say(f"\n{len(result.problems)} could not be measured:", err=True)
        for probe, reason in result.problems:
            say(f"  {probe.id} {probe.name}: {reason}", err=True)
    if max(table.median_iqr, table.drift) > NOISY:
        say(
            "warning: the machine was not quiet, so these figures are worth less: close what else runs and "
            "measure again with --fresh",
            err=True,
        )
    say(f"\nwrote {result.path}; use it with: vitnas search --target {result.path.stem} ...")


class MeasureView(Bar):
    """A listener with a bar."""

    def __init__(self) -> None:
        super().__init__("measuring", "measured")

    def planned(self, plan: Plan, left: int) -> None:
        """Say what there is to do."""
        total = len(plan.probes)
        text = f"{len(plan.blocks)} blocks and {len(plan.networks)} networks of {', '.join(plan.spaces)}"
        self.begin(text + (f"; {total - left} measured before" if left < total else ""), total, left)

    def visited(self, done: int, total: int, probe: Probe, visit: Visit) -> None:
        """Move on."""
        self.move(
            done, total, f"{visit.median_ms:.2f} ms {probe.name}" if visit.runs else f"failed {probe.name}"
        )

    def warn(self, text: str) -> None:
        """Say it at once."""
        self.say(f"warning: {text}")
