"""Reading a device's file; every failure names file, line and key."""

from __future__ import annotations

from pathlib import Path

from vitnas.arch.yaml_io import read_yaml
from vitnas.cost.device import BYTES_OF_DTYPE
from vitnas.errors import InvalidProfile
from vitnas.figures import FIGURES
from vitnas.hardware.profile.reader import ProfileReader
from vitnas.hardware.profile.schema import (
    FORMAT,
    KINDS,
    METRICS,
    SECTIONS,
    Calibration,
    Conditions,
    Domain,
    Error,
    Prediction,
    Profile,
    Rows,
    TableSummary,
)
from vitnas.hardware.roofline.priors import HARDWARE
from vitnas.hardware.roofline.roofline import COEFFICIENTS, OPTIONAL_COEFFICIENTS
from vitnas.plugins import find_data

TABLE_KINDS = ("measured", "imported")
DEFAULTS = ("metric", "hardware", "coefficients")  # keys that may be left out, beside sections


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
    reader = ProfileReader(read_yaml(path, InvalidProfile))
    known = {"format", *Profile.__dataclass_fields__}
    root = reader.mapping("", known, required=known - {*SECTIONS, *DEFAULTS})
    if root["format"] != FORMAT:
        reader.fail(
            "format", f"{root['format']!r} is not a format that this version reads; it reads {FORMAT}"
        )
    kind = reader.one_of("kind", KINDS)
    metric = reader.one_of("metric", METRICS) if "metric" in root else "latency"
    _check_sections(reader, kind, metric, set(root))
    span = reader.pair("resolution_px")
    return Profile(
        name=reader.text("name"),
        kind=kind,
        metric=metric,
        hardware=reader.one_of("hardware", HARDWARE) if "hardware" in root else "",
        description=reader.text("description"),
        source=reader.text("source"),
        conditions=_conditions(reader),
        coefficients=_coefficients(reader) if root.get("coefficients") else {},
        resolution_px=(round(span[0]), round(span[1])),
        rows=_rows(reader) if "rows" in root else None,
        table=_table(reader) if "table" in root else None,
        calibration=_calibration(reader) if "calibration" in root else None,
        prediction=_prediction(reader) if "prediction" in root else None,
        error=_error(reader) if "error" in root else None,
        domain=_domain(reader) if "domain" in root else None,
        limits=_limits(reader) if "limits" in root else {},
    )


def _check_sections(reader: ProfileReader, kind: str, metric: str, keys: set[str]) -> None:
    needed = {"table", "calibration"} if kind in TABLE_KINDS else set()
    needed |= {"limits"} if kind == "limits" else {"coefficients"}
    missing = sorted(needed - keys)
    if missing:
        reader.fail("", f"'{missing[0]}' is missing: a profile of kind '{kind}' needs it")
    if (kind == "limits") != (metric == "none"):
        reader.fail("metric", f"a profile of kind '{kind}' cannot have the metric '{metric}'")


def _conditions(reader: ProfileReader) -> Conditions:
    names = set(Conditions.__dataclass_fields__)
    counts = {"batch", "threads"}
    section = reader.mapping("conditions", names, required=names - {"threads"})
    reader.one_of("conditions.dtype", BYTES_OF_DTYPE)
    texts = {name: reader.text(f"conditions.{name}") for name in names - counts}
    batch = round(reader.number("conditions.batch", least=1))
    threads = round(reader.number("conditions.threads", least=0)) if "threads" in section else 0
    return Conditions(batch=batch, threads=threads, **texts)


def _coefficients(reader: ProfileReader) -> dict[str, float]:
    optional = set(OPTIONAL_COEFFICIENTS)
    section = reader.mapping("coefficients", set(COEFFICIENTS), required=set(COEFFICIENTS) - optional)
    return {
        name: reader.number(f"coefficients.{name}", least=0) if name in section else 0.0
        for name in COEFFICIENTS
    }


def _rows(reader: ProfileReader) -> Rows:
    names = set(Rows.__dataclass_fields__)
    reader.mapping("rows", names, required=names)
    counts = {name: round(reader.number(f"rows.{name}", least=0)) for name in names - {"file"}}
    return Rows(file=reader.text("rows.file"), **counts)


def _table(reader: ProfileReader) -> TableSummary:
    names = set(TableSummary.__dataclass_fields__)
    reader.mapping("table", names, required=names)
    return TableSummary(
        file=reader.text("table.file"),
        spaces=tuple(reader.texts("table.spaces")),
        blocks=round(reader.number("table.blocks", least=1)),
        copies=round(reader.number("table.copies", least=1)),
        runs=round(reader.number("table.runs", least=1)),
        empty_ms=reader.number("table.empty_ms", least=0),
        median_iqr=reader.number("table.median_iqr"),
        drift=reader.number("table.drift"),
        seconds=reader.number("table.seconds"),
    )


def _calibration(reader: ProfileReader) -> Calibration:
    names = set(Calibration.__dataclass_fields__)
    reader.mapping("calibration", names, required=names)
    return Calibration(
        base_ms=reader.number("calibration.base_ms", least=0),
        scale=reader.number("calibration.scale", least=1e-9),
        networks=round(reader.number("calibration.networks", least=0)),
    )


def _prediction(reader: ProfileReader) -> Prediction:
    names = set(Prediction.__dataclass_fields__)
    reader.mapping("prediction", names, required=names)
    factors = reader.mapping("prediction.factors", None)
    return Prediction(
        factors={name: reader.number(f"prediction.factors.{name}", least=0) for name in factors},
        error=reader.number("prediction.error"),
        unseen_error=reader.number("prediction.unseen_error"),
    )


def _error(reader: ProfileReader) -> Error:
    names, optional = set(Error.__dataclass_fields__), {"macs_only_mape"}
    section = reader.mapping("error", names, required=names - optional)
    families = reader.mapping("error.families", None)
    figures = {
        name: reader.number(f"error.{name}")
        for name in names - {"method", "interval_80", "families"} - (optional - set(section))
    }
    pairs = {name: reader.pair(f"error.families.{name}") for name in families}
    return Error(
        method=reader.text("error.method"),
        interval_80=reader.pair("error.interval_80"),
        families={name: (round(pair[0]), pair[1]) for name, pair in pairs.items()},
        **figures,
    )


def _domain(reader: ProfileReader) -> Domain:
    names = set(Domain.__dataclass_fields__)
    reader.mapping("domain", names, required=names)
    calls = tuple(reader.texts("domain.calls"))
    ranges = reader.mapping("domain.ranges", None)
    return Domain({name: reader.pair(f"domain.ranges.{name}") for name in ranges}, calls)


def _limits(reader: ProfileReader) -> dict[str, float]:
    section = reader.mapping("limits", {figure.key for figure in FIGURES.values() if not figure.is_time})
    return {name: reader.number(f"limits.{name}", least=1) for name in section}
