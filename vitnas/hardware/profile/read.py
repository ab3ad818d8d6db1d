"""Reading a device's file; every failure names file, line and key."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from vitnas.arch.yaml_io import read_yaml
from vitnas.errors import InvalidProfile
from vitnas.hardware.profile.profile_fields import FORMAT, KINDS, Profile
from vitnas.hardware.profile.reader import ProfileReader
from vitnas.hardware.roofline.roofline import COEFFICIENTS, OPTIONAL_COEFFICIENTS
from vitnas.plugins import find_data

TABLE_KINDS = ("measured", "imported")


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
        InvalidProfile: with file, line, key path and what is wrong there, of everything that is wrong.
    """
    source = read_yaml(path, InvalidProfile)
    reader = ProfileReader(source)
    document = reader.mapping("", source.data, required=["format"])
    reader.finish()
    if document["format"] != FORMAT:
        reader.fail(
            "format",
            f"{document['format']!r} is not a format that this version reads; it reads {FORMAT}",
        )
        reader.finish()
    del document["format"]
    profile: Profile = reader.section("", {"coefficients": {}, **document}, Profile)
    _check_sections(reader, document)
    reader.finish()
    if not profile.coefficients:
        return profile
    coefficients = {name: profile.coefficients.get(name, 0.0) for name in COEFFICIENTS}
    return dataclasses.replace(profile, coefficients=coefficients)


def _check_sections(reader: ProfileReader, document: dict[str, Any]) -> None:
    """What the kind of a profile asks of its other keys."""
    kind, metric = document.get("kind"), document.get("metric", "latency")
    if not isinstance(kind, str) or kind not in KINDS:
        return  # which has been said
    needed = {"table", "calibration"} if kind in TABLE_KINDS else set()
    needed |= {"limits"} if kind == "limits" else {"coefficients"}
    for name in sorted(needed - document.keys()):
        reader.fail("", f"'{name}' is missing: a profile of kind '{kind}' needs it")
    if (kind == "limits") != (metric == "none"):
        reader.fail("metric", f"a profile of kind '{kind}' cannot have the metric '{metric}'")
    coefficients = document.get("coefficients")
    if isinstance(coefficients, dict) and coefficients:
        required = [name for name in COEFFICIENTS if name not in OPTIONAL_COEFFICIENTS]
        reader.mapping("coefficients", coefficients, required=required)
