"""All devices on one Markdown page: what each is, how wrong, and where it guesses."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vitnas.hardware.measure.plan import PUBLISHED, RANDOM
from vitnas.hardware.profile.profile_fields import Profile
from vitnas.hardware.profile.read import read_profile
from vitnas.hardware.published.compare_file import HeldOut, check_path, read_check
from vitnas.hardware.roofline.metrics import ErrorSummary, summarize
from vitnas.report.pages.device_sections import figure, percent, section, table
from vitnas.report.pages.markdown_text import as_text

PLOTS = "devices"  # folder of the pictures and notes, beside the page
ROUNDING = 5e-4  # profiles and check files hold five digits

HEAD = """# Devices

<!-- Written by `vitnas profile report`; change the profiles or devices/NAME.notes.md instead. -->

A latency is worth what its origin is worth. `vitnas profile report` writes this page from the profiles, so it
says what they say. How a device is fitted, measured here or on a phone, checked, or transferred to a related
device: [measuring.md](measuring.md).

Errors are relative (MAPE: mean of |predicted / true - 1|), of networks that the prediction was not made
from. `MACs only` is `base + rate x MACs`, fitted and left out in the same way: what a profile has to beat.
**Candidates closer than a device's MAPE cannot be told apart by its figures.**
"""


@dataclass(frozen=True)
class Entry:
    """A device as the page shows it.

    Attributes:
        name: that ``--target`` takes.
        profile: its file.
        held_out: predictions of networks that it was not made from; empty without such a file.
        notes: hand-written Markdown, from ``devices/NAME.notes.md``; empty without.
    """

    name: str
    profile: Profile
    held_out: tuple[HeldOut, ...] = ()
    notes: str = ""

    @property
    def digest(self) -> str:
        """12 hex digits of what the picture shows."""
        return hashlib.sha256(repr((self.profile.name, self.held_out)).encode()).hexdigest()[:12]

    def summary(self) -> ErrorSummary:
        """Errors of the held-out predictions, of which there must be one at least."""
        return summarize([r.predicted_ms for r in self.held_out], [r.true_ms for r in self.held_out])


def read_entry(name: str, path: Path, notes_folder: Path) -> Entry:
    """A device from its files.

    Raises:
        InvalidProfile: the profile is none.
        InvalidData: its check file is none.
    """
    check, notes = check_path(path), notes_folder / f"{name}.notes.md"
    return Entry(
        name,
        as_text(read_profile(path)),
        tuple(as_text(_with_space(row)) for row in read_check(check)) if check.is_file() else (),
        notes.read_text(encoding="utf-8").strip() if notes.is_file() else "",
    )


def _with_space(row: HeldOut) -> HeldOut:
    """A network of a space (``vit-31``, ``vit:deit_tiny``) is told apart by its space too."""
    if row.family not in (RANDOM, PUBLISHED):
        return row
    space = row.network.rpartition(":" if row.family == PUBLISHED else "-")[0]
    return dataclasses.replace(row, family=f"{space}, {row.family}")


def doubts(entry: Entry) -> str:
    """Why the error that a profile states is not what stands in its check file; empty if it is."""
    error = entry.profile.error
    if error is None:
        return "" if entry.profile.kind == "limits" else f"{entry.name} states no error"
    if not entry.held_out:
        return f"{entry.name} has no file of held-out predictions ({entry.name}.check.csv)"
    mape = entry.summary().mape
    if abs(mape - error.mape) > ROUNDING:
        return (
            f"{entry.name} states a MAPE of {percent(error.mape)}, "
            f"its held-out predictions have {percent(mape)}"
        )
    return ""


def device_page(entries: Sequence[Entry], pictures: frozenset[str]) -> str:
    """The page.

    Args:
        entries: in the order of the page.
        pictures: names of the devices whose picture stands at ``devices/NAME.png``.
    """
    parts = [HEAD, _overview(entries)]
    for entry in entries:
        picture = f"{PLOTS}/{entry.name}.png" if entry.name in pictures else ""
        parts.append(section(entry.name, entry.profile, entry.held_out, entry.notes, picture))
    return "\n".join(parts).rstrip() + "\n"


def _overview(entries: Sequence[Entry]) -> str:
    header = ("device", "what", "kind", "metric", "MAPE", "MACs only", "Spearman", "n")
    return table(header, [_line(entry) for entry in entries], right={"MAPE", "MACs only", "Spearman", "n"})


def _line(entry: Entry) -> tuple[str, ...]:
    p, error = entry.profile, entry.profile.error
    metric = p.metric + (f", batch {p.conditions.batch}" if p.metric == "throughput" else "")
    anchor = f"[`{entry.name}`](#{entry.name})"
    if error is None:
        return anchor, p.description, p.kind, metric, "", "", "", ""
    macs_only = "" if math.isnan(error.macs_only_mape) else percent(error.macs_only_mape)
    return (
        anchor,
        p.description,
        p.kind,
        metric,
        percent(error.mape),
        macs_only,
        figure(error.spearman, 3),
        str(len(entry.held_out) or ""),
    )
