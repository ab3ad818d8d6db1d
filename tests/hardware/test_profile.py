from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from vitnas.errors import InvalidProfile, UnknownName
from vitnas.hardware.devices.fitted_device import FittedDevice
from vitnas.hardware.load_device import load_device
from vitnas.hardware.profile.profile_fields import save_profile
from vitnas.hardware.profile.read import load_profile, read_profile
from vitnas.plugins import find_data


def shipped_text() -> str:
    return find_data("hardware_profiles", "iphone12").read_text(encoding="utf-8")


def without_line(start: str) -> Callable[[str], str]:
    return lambda text: "\n".join(line for line in text.split("\n") if not line.strip().startswith(start))


def replaced(old: str, new: str) -> Callable[[str], str]:
    def edit(text: str) -> str:
        assert old in text
        return text.replace(old, new)

    return edit


def test_a_profile_survives_a_round_trip(tmp_path: Path) -> None:
    profile = load_profile("iphone12")
    save_profile(profile, tmp_path / "copy.yaml")
    assert read_profile(tmp_path / "copy.yaml") == profile
    assert load_device(str(tmp_path / "copy.yaml")).name == "copy"


def test_only_prices_make_the_fingerprint(tmp_path: Path) -> None:
    profile = load_profile("iphone12")
    device = FittedDevice(profile)
    (tmp_path / "p.yaml").write_text(replaced("base_ms: 0.", "base_ms: 1.")(shipped_text()))
    assert FittedDevice(profile, "other").fingerprint == device.fingerprint
    assert load_device(str(tmp_path / "p.yaml")).fingerprint != device.fingerprint


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (without_line("weight_ms_per_mb"), "coefficients: 'weight_ms_per_mb' is missing"),
        (replaced("weight_ms_per_mb:", "weigth_ms_per_mb:"), "did you mean 'weight_ms_per_mb'?"),
        (replaced("base_ms: 0.", "base_ms: -0."), "coefficients.base_ms: -0"),
        (
            replaced("kind: fitted", "kind: guessed"),
            "kind: 'guessed' is none of fitted, measured, imported, limits",
        ),
        (
            replaced("dtype: float16", "dtype: int7"),
            "conditions.dtype: 'int7' is none of float32, float16, int8",
        ),
        (replaced("format: 1", "format: 9"), "format: 9 is not a format that this version reads"),
        (without_line("kind:"), "'kind' is missing"),
        (replaced("batch: 1", "batch: one"), "conditions.batch: must be a number, not 'one'"),
        (replaced("resolution_px: [224, 512]", "resolution_px: 224"), "resolution_px: must be a list of two"),
        (replaced("conditions:", "conditions: 5 #"), "not valid YAML"),
        (lambda text: "- 1\n- 2\n", "must be a mapping, not list"),
        (lambda text: "a:\n\tb: 1\n", ":2: not valid YAML"),
    ],
)
def test_a_bad_profile_gives_one_line_with_file_and_key(
    edit: Callable[[str], str], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(edit(shipped_text()), encoding="utf-8")
    with pytest.raises(InvalidProfile) as caught:
        read_profile(path)
    text = str(caught.value)
    assert message in text
    assert text.startswith(str(path))
    assert "\n" not in text


BY_HAND = """
format: 1
name: mine
kind: limits
metric: none
description: by hand
source: me
conditions:
  {device: D, runtime: r, os: none, compute_units: CPU, dtype: int8, batch: 1, date: '2026-11-30'}
resolution_px: [0, 0]
limits: {peak_bytes: 512KiB, macs: 20M, params: 1000000}
"""


def test_limits_have_units_as_on_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(BY_HAND)
    assert read_profile(tmp_path / "mine.yaml").limits == {"peak_bytes": 2.0**19, "macs": 2e7, "params": 1e6}


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    edits = {
        "kind: limits": "kind: fitted",
        "description": "descripton",
        "dtype: int8, batch: 1": "dtype: int4, batch: 1.5",
        "[0, 0]": "224",
        "512KiB, macs: 20M": "512XB, flash: 1",
    }
    text = BY_HAND
    for old, new in edits.items():
        text = replaced(old, new)(text)
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(InvalidProfile) as caught:
        read_profile(path)
    said, _, problems = str(caught.value).partition(": ")
    assert said == f"{path} has 9 problems"
    assert [problem.partition(" (")[0] for problem in problems.split("; ") if "line" in problem] == [
        "line 6: descripton: unknown key 'descripton'",
        "line 2: 'description' is missing",
        "line 9: conditions.dtype: 'int4' is none of float32, float16, int8",
        "line 9: conditions.batch: must be a whole number, not 1.5",
        "line 10: resolution_px: must be a list of two numbers, not 224",
        "line 11: limits.flash: unknown key 'flash'",
        "line 11: limits.peak_bytes: '512XB': unknown unit 'XB'",
        "line 2: 'coefficients' is missing: a profile of kind 'fitted' needs it",
        "line 5: metric: a profile of kind 'fitted' cannot have the metric 'none'",
    ]


def test_the_users_own_folder_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hardware_profiles").mkdir()
    mine = tmp_path / "hardware_profiles" / "iphone12.yaml"
    mine.write_text(
        replaced("name: iphone12-coreml-ios16-fit-v1", "name: mine")(shipped_text()), encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    assert load_profile("iphone12").name == "mine"


def test_a_misspelt_device_gets_the_close_match() -> None:
    with pytest.raises(UnknownName, match="unknown device 'iphone-12'; did you mean 'iphone12'"):
        load_device("iphone-12")
