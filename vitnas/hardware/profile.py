"""The file of a device: ``hardware_profiles/NAME.yaml``, with everything that its figures depend on."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from vitnas.arch.yaml_io import FlowDict, Source, dump_yaml, read_yaml
from vitnas.errors import InvalidProfile
from vitnas.hardware.features import BYTES_OF_DTYPE
from vitnas.hardware.roofline import COEFFICIENTS
from vitnas.plugins import find_data

FORMAT = 1
KINDS = ("fitted", "measured")


@dataclass(frozen=True)
class Conditions:
    """What a latency of this profile is a latency of."""

    device: str
    runtime: str
    os: str
    compute_units: str
    dtype: str
    batch: int
    date: str


@dataclass(frozen=True)
class Rows:
    """What a profile was made from."""

    file: str
    number: int
    networks: int
    families: int


@dataclass(frozen=True)
class Error:
    """How wrong a profile was on families of networks that it had not seen. Errors are relative: 0.1 is 10 %.

    Attributes:
        method: how it was found, e.g. ``leave one family out``.
        mape, median_error, p90, within_10, within_20, spearman, kendall: as in `metrics.ErrorSummary`.
        noise: mean difference between laboratories on the same network and device; nan if unknown.
        band: what stands behind the ``±`` of a prediction: the larger of mape and noise.
        interval_80: factors on a prediction between which 80 % of the truths lay.
        families: family -> (number of rows, mape).
    """

    method: str
    mape: float
    median_error: float
    p90: float
    within_10: float
    within_20: float
    spearman: float
    kendall: float
    noise: float
    band: float
    interval_80: tuple[float, float]
    families: Mapping[str, tuple[int, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Domain:
    """What the fit has seen: outside it a prediction is a guess.

    Attributes:
        ranges: quantity -> (least, most) over the networks of the fit.
        calls: aten calls of theirs that move, pool or resize.
    """

    ranges: Mapping[str, tuple[float, float]]
    calls: tuple[str, ...]


@dataclass(frozen=True)
class Profile:
    """A device's prices and where they come from; see `Conditions`, `Rows`, `Error`, `Domain`."""

    name: str
    kind: str
    description: str
    source: str
    conditions: Conditions
    coefficients: Mapping[str, float]
    resolution_px: tuple[int, int]
    rows: Rows | None = None
    error: Error | None = None
    domain: Domain | None = None


def save_profile(profile: Profile, path: str | Path) -> None:
    """Write the YAML file."""
    data = {"format": FORMAT, **_plain(asdict(profile))}
    for section in ("rows", "error", "domain"):
        if data[section] is None:
            del data[section]
    for name in ("families", "ranges"):
        for section in ("error", "domain"):
            if name in data.get(section, {}):
                data[section][name] = {key: tuple(pair) for key, pair in data[section][name].items()}
    if "rows" in data:
        data["rows"] = FlowDict(data["rows"])
    Path(path).write_text(dump_yaml(data), encoding="utf-8")


def _plain(value: Any) -> Any:
    """Floats to five significant digits: people read profiles, and no figure in one is better than that."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(_plain(item) for item in value)
    return value


def load_profile(name_or_path: str) -> Profile:
    """Find a profile by name (the user's ``./hardware_profiles`` first, then the shipped ones) or file.

    Raises:
        UnknownName: there is none; suggests the closest name.
        InvalidProfile: see `read_profile`.
    """
    return read_profile(find_data("hardware_profiles", name_or_path))


def read_profile(path: str | Path) -> Profile:
    """Read a profile's file.

    Raises:
        InvalidProfile: with file, line, key path and what is wrong there.
    """
    reader = _Reader(read_yaml(path, InvalidProfile))
    known = {"format", *Profile.__dataclass_fields__}
    root = reader.mapping("", known, required=known - {"rows", "error", "domain"})
    if root["format"] != FORMAT:
        reader.fail(
            "format", f"{root['format']!r} is not a format that this version reads; it reads {FORMAT}"
        )
    if root["kind"] not in KINDS:
        reader.fail("kind", f"'{root['kind']}' is neither {' nor '.join(KINDS)}")
    conditions = _conditions(reader)
    return Profile(
        name=reader.text("name"),
        kind=root["kind"],
        description=reader.text("description"),
        source=reader.text("source"),
        conditions=conditions,
        coefficients=_coefficients(reader),
        resolution_px=(round(span[0]), round(span[1])) if (span := reader.pair("resolution_px")) else (0, 0),
        rows=_rows(reader) if "rows" in root else None,
        error=_error(reader) if "error" in root else None,
        domain=_domain(reader) if "domain" in root else None,
    )


def _conditions(reader: _Reader) -> Conditions:
    names = set(Conditions.__dataclass_fields__)
    section = reader.mapping("conditions", names, required=names)
    if section["dtype"] not in BYTES_OF_DTYPE:
        reader.fail("conditions.dtype", f"'{section['dtype']}' is none of {', '.join(BYTES_OF_DTYPE)}")
    texts = {name: reader.text(f"conditions.{name}") for name in names - {"batch"}}
    return Conditions(batch=round(reader.number("conditions.batch", least=1)), **texts)


def _coefficients(reader: _Reader) -> dict[str, float]:
    reader.mapping("coefficients", set(COEFFICIENTS), required=set(COEFFICIENTS))
    return {name: reader.number(f"coefficients.{name}", least=0) for name in COEFFICIENTS}


def _rows(reader: _Reader) -> Rows:
    names = set(Rows.__dataclass_fields__)
    reader.mapping("rows", names, required=names)
    counts = {name: round(reader.number(f"rows.{name}", least=0)) for name in names - {"file"}}
    return Rows(file=reader.text("rows.file"), **counts)


def _error(reader: _Reader) -> Error:
    names = set(Error.__dataclass_fields__)
    reader.mapping("error", names, required=names)
    families = reader.mapping("error.families", None)
    figures = {name: reader.number(f"error.{name}") for name in names - {"method", "interval_80", "families"}}
    pairs = {name: reader.pair(f"error.families.{name}") for name in families}
    return Error(
        method=reader.text("error.method"),
        interval_80=reader.pair("error.interval_80"),
        families={name: (round(pair[0]), pair[1]) for name, pair in pairs.items()},
        **figures,
    )


def _domain(reader: _Reader) -> Domain:
    names = set(Domain.__dataclass_fields__)
    section = reader.mapping("domain", names, required=names)
    calls = section["calls"]
    if not isinstance(calls, list) or not all(isinstance(call, str) for call in calls):
        reader.fail("domain.calls", "must be a list of names")
    ranges = reader.mapping("domain.ranges", None)
    return Domain({name: reader.pair(f"domain.ranges.{name}") for name in ranges}, tuple(calls))


class _Reader:
    """Typed access by key path; every failure names file, line and path."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def fail(self, path: str, problem: str) -> NoReturn:
        self._source.fail(InvalidProfile, path, problem)

    def value(self, path: str) -> Any:
        found = self._source.data
        for key in path.split(".") if path else ():
            found = found[key]
        return found

    def mapping(
        self,
        path: str,
        known: set[str] | None,
        required: set[str] = frozenset(),  # type: ignore[assignment]
    ) -> dict[str, Any]:
        found = self.value(path)
        if not isinstance(found, dict):
            self.fail(path, f"must be a mapping, not {type(found).__name__}")
        keys = {str(key) for key in found}
        for key in sorted(keys - known) if known is not None else ():
            close = difflib.get_close_matches(key, sorted(known or ()), n=1)
            hint = f"; did you mean '{close[0]}'?" if close else f" (known: {', '.join(sorted(known or ()))})"
            self.fail(f"{path}.{key}".lstrip("."), f"unknown key '{key}'{hint}")
        missing = sorted(required - keys)
        if missing:
            self.fail(path, f"'{missing[0]}' is missing")
        return found

    def text(self, path: str) -> str:
        found = self.value(path)
        if not isinstance(found, str):
            self.fail(path, f"must be text, not {found!r}; quote it")
        return found

    def number(self, path: str, least: float = -math.inf) -> float:
        found = self.value(path)
        if isinstance(found, bool) or not isinstance(found, (int, float)):
            self.fail(path, f"must be a number, not {found!r}")
        if found < least or math.isinf(found) or (math.isnan(found) and least > -math.inf):
            self.fail(path, f"{found} is not a finite number of at least {least:g}")
        return float(found)

    def pair(self, path: str) -> tuple[float, float]:
        found = self.value(path)
        if not isinstance(found, list) or len(found) != 2:
            self.fail(path, f"must be a list of two numbers, not {found!r}")
        for item in found:
            if isinstance(item, bool) or not isinstance(item, (int, float)):
                self.fail(path, f"must be a list of two numbers, not {found!r}")
        return float(found[0]), float(found[1])
