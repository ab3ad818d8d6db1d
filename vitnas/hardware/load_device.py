"""From a profile's name or file to its device."""

from __future__ import annotations

from pathlib import Path

from vitnas.errors import InvalidProfile
from vitnas.hardware.devices.fitted_device import FittedDevice
from vitnas.hardware.devices.measured import MeasuredDevice
from vitnas.hardware.devices.profiled import ProfiledDevice
from vitnas.hardware.profile.block_table import BlockTable, check_table, read_table
from vitnas.hardware.profile.profile_fields import TableSummary
from vitnas.hardware.profile.read import read_profile
from vitnas.plugins import find_data

__all__ = ["ProfiledDevice", "load_device"]


def load_device(name_or_path: str) -> ProfiledDevice:
    """The device of a profile, by name (the user's ``./hardware_profiles`` first) or file.

    Raises:
        UnknownName: no such profile; suggests the closest one.
        InvalidProfile: its file does not hold a profile, or its table cannot be read.
    """
    path = find_data("hardware_profiles", name_or_path)
    profile, name = read_profile(path), Path(name_or_path).stem
    if profile.kind == "limits":
        return ProfiledDevice(profile, name)
    if profile.table is not None:
        return MeasuredDevice(profile, _table(path, profile.table), name)
    return FittedDevice(profile, name)


def _table(profile: Path, stated: TableSummary) -> BlockTable:
    """The table beside a profile, if it is the one that the profile states."""
    if Path(stated.file).name != stated.file:
        raise InvalidProfile(
            f"{profile}: table.file: expected the name of a file beside it, not {stated.file!r:.60}"
        )
    path = profile.parent / stated.file
    table = read_table(path)
    check_table(path, table, stated.blocks, stated.digest, profile)
    return table
