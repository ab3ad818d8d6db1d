"""``vitnas doctor``: whether searches can run here and on a cluster, and what to fix."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import typer

from vitnas.cli import _common
from vitnas.cli import options as o
from vitnas.cli._common import say
from vitnas.cli._option import Option, takes
from vitnas.cli._settings import in_options

if TYPE_CHECKING:
    from vitnas.doctor.diagnose import Diagnosis, Finding
    from vitnas.doctor.folder_check import FolderReport
    from vitnas.workers.node_report import Node

ILL = 1  # something must be fixed
GIB = 1 << 30
INDENT = "  "
SHOWN = ("vitnas", "torch", "numpy", "ray", "optuna")


@takes(
    Option("ray", "ADDRESS", "Of a Ray cluster, HOST:PORT, or auto or local."),
    o.OUT,
    o.ROWS_JSON,
)
def doctor(ctx: typer.Context, **given: Any) -> None:
    """Say whether searches can run here and on a cluster, and what to fix.

    Looks at versions, cores, memory and GPUs, also of every node of a cluster, and at the folder of runs:
    whether it can be written and locked, and whether all nodes share it. Exits with 0 if all is well, 1 if
    something must be fixed, 2 for wrong input. For example: vitnas doctor --ray auto --out /mnt/runs
    """
    from vitnas.doctor.diagnose import diagnose

    found = diagnose(given["ray"], given["out"])
    if given["as_json"]:
        _common.print_json(found.to_dict())
    else:
        _print(found)
    if not found.well:
        raise typer.Exit(ILL)


def _print(found: Diagnosis) -> None:
    facts = found.here
    say(f"this machine, {facts['host']}")
    known = facts["versions"]
    _paragraph(", ".join([f"Python {facts['python']}", *(f"{n} {known[n] or 'missing'}" for n in SHOWN)]))
    _paragraph(f"{facts['cores']:g} cores, {_memory(facts)}, {_gpus(facts)}")
    _paragraph(f"{found.folder.path}: {_folder(found.folder)}")
    if found.nodes:
        say(f"\ncluster {found.ray}")
        headers = ("node", "CPUs", "cores", "memory", "GPUs", "Python", "torch", "runs")
        rows = [_row(node) for node in found.nodes]
        _common.print_table(headers, rows, right={"CPUs", "cores", "GPUs"}, indent=len(INDENT))
    say()
    for finding in found.findings:
        _say(finding)
    if found.well:
        say("all is well" if not found.findings else "nothing must be fixed")


def _row(node: Node) -> tuple[str, ...]:
    facts = node.facts
    if not facts:
        return (node.address, f"{node.cpus:g}", *([""] * 5), "no answer")
    seen = facts["folder"]
    shared = "" if seen is None else "here" if node.is_here else "shared" if seen["shared"] else "not shared"
    return (
        node.address,
        f"{node.cpus:g}",
        f"{facts['cores']:g}",
        _memory(facts),
        f"{len(facts['gpus'])}",
        facts["python"],
        facts["versions"]["torch"] or "missing",
        shared,
    )


def _memory(facts: dict[str, Any]) -> str:
    total, free = facts["memory"]["total_bytes"], facts["memory"]["free_bytes"]
    return "unknown" if total is None or free is None else f"{free / GIB:.1f} of {total / GIB:.1f} GiB free"


def _gpus(facts: dict[str, Any]) -> str:
    names = [f"{gpu['name']} ({gpu['memory_mib']} MiB)" for gpu in facts["gpus"]]
    return ", ".join(names) or "no GPU"


def _folder(folder: FolderReport) -> str:
    if not folder.writable:
        return f"cannot be written ({folder.problem})"
    said = ["can be written", "can be locked" if folder.lockable else "cannot be locked"]
    here = "" if folder.exists else "; the first search makes it"
    return f"{', '.join(said)}, {folder.free_bytes / GIB:.0f} GiB left{here}"


def _say(finding: Finding) -> None:
    mark = "fix" if finding.must else "note"
    text = "; ".join(filter(None, (f"{mark}: {finding.where}: {finding.what}", finding.fix)))
    _paragraph(in_options(text), indent="")


def _paragraph(text: str, indent: str = INDENT) -> None:
    width = _common.width()
    say(textwrap.fill(text, width, initial_indent=indent, subsequent_indent=f"{indent}  "))
