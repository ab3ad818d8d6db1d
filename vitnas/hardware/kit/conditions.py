"""What imported latencies are latencies of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from vitnas.errors import InvalidData
from vitnas.formats.json_text import read_json
from vitnas.hardware.kit.manifest import Manifest
from vitnas.hardware.measure.reduce import conditions_today
from vitnas.hardware.profile.profile_fields import Conditions

NAMES = ("device", "runtime", "os", "compute_units", "threads", "dtype")
NOT_SAID = "not stated"


def conditions_of(
    results: Path, given: Mapping[str, str | int], manifest: Manifest, warn: Callable[[str], None]
) -> Conditions:
    """Conditions: what the user gave, else what stands beside the results, else what the kit implies.

    Args:
        results: CSV; the kit's scripts write ``NAME.conditions.json`` beside ``NAME.csv``.
        given: some of ``NAMES``.
        manifest: of the kit.
        warn: told what nobody stated.

    Raises:
        InvalidData: the file beside the results cannot be read.
    """
    known: dict[str, Any] = {"dtype": manifest.dtype, "threads": 0, **manifest.conditions}
    known |= {**_beside(results), **given}
    missing = [name for name in ("device", "os") if not known.get(name)]
    if missing:
        options = " and ".join(f"`{name}`" for name in missing)
        warn(f"nobody states {' and '.join(missing)} of these latencies; say it with {options}")
    texts = {name: str(known.get(name) or NOT_SAID) for name in ("device", "runtime", "os", "compute_units")}
    return conditions_today(
        **texts, dtype=str(known["dtype"]), threads=int(known["threads"]), batch=manifest.batch
    )


def _beside(results: Path) -> dict[str, Any]:
    path = results.with_name(f"{results.stem}.conditions.json")
    if not path.is_file():
        return {}
    found = read_json(path)
    if not isinstance(found, dict):
        raise InvalidData(f"{path}: holds no conditions by name; delete it and state the conditions")
    for name in found.keys() & NAMES:
        if not isinstance(found[name], int if name == "threads" else str):
            problem = f"{path}: {name}: cannot be {found[name]!r:.40}"
            raise InvalidData(f"{problem}; delete it and state the conditions")
    return {name: found[name] for name in NAMES if found.get(name)}
