"""What a search would do, as tables."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from vitnas.figures import format_quantity
from vitnas.report.terminal.axes import cost_axis
from vitnas.report.terminal.fitted_table import Column, FittedTable
from vitnas.report.terminal.notes import origins
from vitnas.report.terminal.rung_table import plan_table
from vitnas.report.terminal.wording import count, duration, share, speed
from vitnas.run.result import DryRun, RungPlan


def dry_run_table(dry: DryRun) -> RenderableType:
    """Size of the space, range of every cost, share of the space within each budget, speed and time."""
    parts: list[RenderableType] = [
        Text(f"space {dry.space}: {count(dry.size)} architectures, {dry.genes} genes"),
        Text(),
        _costs(dry),
    ]
    parts += [Text(line) for line in origins(dry.targets)]
    if dry.objectives:
        parts.append(Text(f"objectives: {', '.join(dry.objectives)}"))
    if dry.budgets:
        parts += [Text(), _budgets(dry)]
    if dry.rungs:
        parts += [Text(), plan_table(dry.rungs)]
    workers = "one worker" if dry.workers == 1 else f"{dry.workers} workers"
    parts += [
        Text(),
        Text(
            f"{count(dry.trials)} trials{', all that is feasible,' if dry.exhaustive else ''} at "
            f"{speed(dry.trials_per_s)}: about {duration(dry.seconds)} on {workers} "
            f"with the checks of the front{_with_rungs(dry.rungs)}"
        ),
    ]
    return Group(*parts)


def _with_rungs(rungs: Sequence[RungPlan]) -> str:
    if not rungs:
        return ""
    unknown = [plan.quality for plan in rungs if plan.seconds is None]
    return f" and the rungs without {', '.join(unknown)}" if unknown else " and the rungs"


def _costs(dry: DryRun) -> FittedTable:
    def cells(k: int) -> Sequence[str]:
        return [format_quantity(name, values[k]) for name, values in dry.costs.items()]

    return FittedTable(
        [
            Column("cost", [cost_axis(name).title for name in dry.costs], right=False),
            Column("least", cells(0)),
            Column("median", cells(1)),
            Column("most", cells(2)),
        ]
    )


def _budgets(dry: DryRun) -> FittedTable:
    names = {"all": "all together"} if len(dry.budgets) > 2 else {}
    shown = [(names.get(name, name), part) for name, part in dry.budgets.items() if name != "all" or names]
    return FittedTable(
        [
            Column("budget", [name for name, _ in shown], right=False),
            Column("met by (share of the space)", [_share(part) for _, part in shown]),
        ]
    )


def _share(part: float) -> str:
    return share(part) if part else "none of the sample"
