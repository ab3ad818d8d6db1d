"""``vitnas profile kit``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from vitnas.cli import options as o
from vitnas.cli._common import say
from vitnas.cli._option import Option, takes
from vitnas.cli.profile._common import Bar, names_of

if TYPE_CHECKING:
    from vitnas.hardware.kit.manifest import KitProbe, Manifest
    from vitnas.hardware.kit.write import KitResult


@takes(
    o.SPACES,
    Option("runtime", None, "coreml or onnx.", str, ...),
    Option("out", None, "Folder of the kit.", Path, ...),
    *o.CHAINS,
    Option(
        "copies",
        None,
        "Chain so many copies of a block, as a call may cost more [coreml: 8, onnx: 1].",
        int | None,
    ),
    Option(
        "blocks",
        None,
        "Only so many blocks, of all operators and sizes; the others are predicted.",
        int | None,
    ),
)
def kit(ctx: typer.Context, **given: Any) -> None:
    """Write a folder with which somebody measures a phone, without vitnas.

    One model for every distinct block of the spaces, whole networks that check the sums, scripts and
    instructions. Stop it at any time; the same command goes on. 'vitnas profile import' takes the results.
    """
    from vitnas.hardware.kit.write import KitSettings, write_kit

    settings = KitSettings(spaces=names_of(given.pop("space")), **given)
    with KitView() as view:
        result = write_kit(settings, view)
    _print_kit(result)


def _print_kit(result: KitResult) -> None:
    manifest = result.manifest
    problems = manifest.problems
    if problems:
        say(f"{len(problems)} models could not be written:", err=True)
        for probe in problems:
            say(f"  {probe.id} {probe.name}: {probe.problem}", err=True)
    kinds = [probe.kind for probe in manifest.probes if not probe.problem]
    parts = [(kinds.count("block"), "blocks"), (kinds.count("single"), "of them alone too")]
    parts += [(kinds.count("network"), "networks")]
    say(
        f"wrote {result.folder}: {len(kinds)} models ("
        + ", ".join(f"{number} {what}" for number, what in parts if number)
        + f", an empty call), chains of {manifest.copies}"
        + (f"; {result.kept} stood there before" if result.kept else "")
    )
    say(
        f"{result.folder / 'README.md'} says how to measure; then: "
        f"vitnas profile import {result.folder / 'results.csv'} --name ..."
    )


class KitView(Bar):
    """A listener with a bar."""

    def __init__(self) -> None:
        super().__init__("writing", "wrote")

    def planned(self, manifest: Manifest, left: int, size_bytes: int) -> None:
        """Say what there is to do."""
        total = len(manifest.probes)
        text = f"{total} models, about {size_bytes / 1e6:,.0f} MB in all"
        self.begin(text + (f"; {total - left} stand there already" if left < total else ""), total, left)

    def written(self, done: int, total: int, probe: KitProbe) -> None:
        """Move on."""
        self.move(done, total, f"refused {probe.name}" if probe.problem else probe.name)
