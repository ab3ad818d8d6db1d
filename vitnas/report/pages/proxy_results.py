"""Results of checks of proxies as files beside the page that is written from them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vitnas.errors import InvalidData, InvalidInput
from vitnas.formats.csv_table import read_csv
from vitnas.formats.json_text import read_json
from vitnas.formats.path_name import check_name
from vitnas.plain import plain
from vitnas.store.disk import atomic_write_text

FORMAT = 1
KNOWN = "known.csv"
KNOWN_COLUMNS = ("proxy", "space", "label", "n", "tau", "low", "high", "conditions")
NOTES = "notes.md"
DIGITS = 6  # of figures in the files

Entry = Mapping[str, Any]


@dataclass(frozen=True)
class Known:
    """What was measured before, with another implementation.

    Attributes:
        low: of a 95 % interval; None where none is known.
        conditions: resolution, images, what differs in the definition.
    """

    tau: float
    low: float | None
    high: float | None
    n: int
    conditions: str

    def holds(self, tau: float) -> bool | None:
        """Whether ``tau``, to two decimals as the interval is, lies in it; None without one."""
        if self.low is None or self.high is None:
            return None
        return self.low <= round(tau, 2) <= self.high


@dataclass(frozen=True)
class Results:
    """All that the page is written from.

    Attributes:
        checks: documents of ``vitnas proxies check``, one for each space and label, in the order of their
            files' names.
        known: (score, space, label) -> what was measured before.
        notes: hand-written Markdown by score; that of ``notes.md`` under the empty name.
    """

    checks: tuple[Mapping[str, Any], ...]
    known: Mapping[tuple[str, str, str], Known]
    notes: Mapping[str, str]

    @property
    def digest(self) -> str:
        """12 hex digits of what the picture shows."""
        return hashlib.sha256(json.dumps(self.checks).encode()).hexdigest()[:12]


def take_in(run: Path, folder: Path) -> list[Path]:
    """Copy the results in a folder of ``vitnas proxies check`` to ``folder/SPACE.LABEL.NUMBER.json``.

    NUMBER is of the networks measured: expensive proxies may be checked on fewer, in a folder of their own.

    Raises:
        InvalidInput: there are none.
        InvalidData: a file is damaged.
    """
    written = []
    for path in sorted(run.glob("*.json")):
        document = read_check(path)
        space = check_name(document["space"], f"{path}: space", InvalidData)
        target = folder / f"{space}.{path.stem}.{int(document['sample'])}.json"
        atomic_write_text(target, _text(document))
        written.append(target)
    if not written:
        raise InvalidInput(f"{run}: holds no finished check of proxies; make one with 'vitnas proxies check'")
    return written


def read_results(folder: Path) -> Results:
    """What stands in the folder beside the page.

    Raises:
        InvalidInput: no check is there.
        InvalidData: a file is damaged.
    """
    checks = _joined([read_check(path) for path in sorted(folder.glob("*.json"))])
    if not checks:
        raise InvalidInput(f"{folder}: no results of 'vitnas proxies check': name the folders of some")
    notes = {
        path.name.removesuffix(f".{NOTES}").removesuffix(NOTES): path.read_text(encoding="utf-8").strip()
        for path in sorted(folder.glob(f"*{NOTES}"))
    }
    known = folder / KNOWN
    return Results(checks, read_known(known) if known.is_file() else {}, notes)


def _joined(documents: Sequence[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    """The check of most networks of each space and label, with the scores that only smaller ones have."""
    checks: dict[tuple[str, str], dict[str, Any]] = {}
    for document in sorted(documents, key=lambda document: -document["sample"]):
        check = checks.setdefault((document["space"], document["label"]), document)
        known = {entry["proxy"] for entry in check["proxies"]}
        check["proxies"] += [entry for entry in document["proxies"] if entry["proxy"] not in known]
    order = dict.fromkeys((document["space"], document["label"]) for document in documents)
    return tuple(checks[key] for key in order)


def read_check(path: Path) -> dict[str, Any]:
    """A document of ``vitnas proxies check``.

    Raises:
        InvalidData: it is none of this version.
    """
    try:
        document = read_json(path)
        if document["format"] != FORMAT:
            raise InvalidData(f"{path}: format {document['format']!r}, this vitnas reads {FORMAT}")
        for entry in document["proxies"]:
            for part in (*entry["parts"], *([entry["all_rows"]] if "all_rows" in entry else [])):
                part["n"], part["tau"], part["group"], part["band"]
            entry["proxy"], entry["n"], entry["tau"], entry["kind"], entry["r2_shape"]
        document["space"], document["label"], document["machine"], -document["sample"]
    except InvalidData:
        raise
    except (KeyError, TypeError, ValueError) as problem:
        raise InvalidData(
            f"{path}: is no result of 'vitnas proxies check' ({type(problem).__name__}: {problem}); "
            "check again, or take it out of the folder"
        ) from None
    return dict(document)


def read_known(path: Path) -> dict[tuple[str, str, str], Known]:
    """A CSV of earlier measurements: proxy, space, label, n, tau, low, high, conditions.

    Raises:
        InvalidData: a line is wrong; names it.
    """
    found = {}
    for row in read_csv(path, KNOWN_COLUMNS).rows:
        low, high = (row.number(side) if row[side] else None for side in ("low", "high"))
        entry = Known(row.number("tau"), low, high, row.whole("n"), row["conditions"])
        found[row["proxy"], row["space"], row["label"]] = entry
    return found


def _text(document: Mapping[str, Any]) -> str:
    """JSON with one line a score; parts without what they share with the whole."""
    entries = plain(document["proxies"], digits=DIGITS)
    for entry in entries:
        for part in (*entry["parts"], *([entry["all_rows"]] if "all_rows" in entry else [])):
            for key in ("proxy", "space", "label", "kind", "failure", "resolution_px"):
                part.pop(key, None)
    head = {key: value for key, value in document.items() if key != "proxies"}
    lines = ",\n".join(f"  {json.dumps(entry)}" for entry in entries)
    return json.dumps(head, indent=1).removesuffix("\n}") + f',\n "proxies": [\n{lines}\n ]\n}}\n'
