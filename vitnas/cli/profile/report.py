"""``vitnas profile report``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitnas.cli._common import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vitnas.report.pages.device_page import Entry


def report(
    devices: Annotated[
        list[str] | None, typer.Argument(help="Devices [default: all there are].", metavar="[DEVICE]...")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of devices.md and its pictures.")] = Path("docs"),
) -> None:
    """Write a page on devices: what each is, how wrong it is, and where it guesses.

    Writes OUT/devices.md and, with matplotlib, OUT/devices/NAME.png. What stands in OUT/devices/NAME.notes.md
    goes into the page as it is.
    """
    from vitnas import plugins
    from vitnas.report.pages.device_page import PLOTS, device_page, doubts, read_entry
    from vitnas.store.disk import atomic_write_text

    names = devices or list(plugins.list_data("hardware_profiles"))
    folder = out / PLOTS
    entries = [
        read_entry(Path(name).stem, plugins.find_data("hardware_profiles", name), folder) for name in names
    ]
    for doubt in filter(None, map(doubts, entries)):
        say(f"warning: {doubt}", err=True)
    folder.mkdir(parents=True, exist_ok=True)
    pictures = _write_pictures(entries, folder)
    page = out / "devices.md"
    atomic_write_text(page, device_page(entries, pictures))
    say(f"wrote {page}: {len(entries)} devices, {len(pictures)} pictures")


def _write_pictures(entries: Sequence[Entry], folder: Path) -> frozenset[str]:
    """Names of the devices that have a picture; none of them without matplotlib."""
    from vitnas.errors import MissingExtra
    from vitnas.report.figures.scatter import write_scatter

    written = set()
    for entry in entries:
        if not entry.held_out:
            continue
        unit = "ms an image" if entry.profile.metric == "throughput" else "ms"
        title = f"{entry.name}: {len(entry.held_out)} held-out predictions"
        try:
            write_scatter(
                folder / f"{entry.name}.png", entry.held_out, title=title, unit=unit, digest=entry.digest
            )
        except MissingExtra as problem:
            say(f"warning: no pictures: {problem}", err=True)
            return frozenset()
        written.add(entry.name)
    return frozenset(written)
