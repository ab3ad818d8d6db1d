from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from vitnas.arch.schema import save_architecture
from vitnas.space.files import load_architecture

Run = Callable[..., tuple[int, str, str]]


def test_peaks_by_dtype_what_sets_them_and_whether_the_limit_holds(run: Run) -> None:
    code, out, err = run("profile", "memory", "vit:deit_tiny", "vit:deit_small", "--target", "stm32f746")
    assert (code, err) == (0, "")
    tiny, small = out.split("\n\n")
    lines = [line.split() for line in tiny.splitlines()]
    assert lines[2] == ["int8", "301.3", "KiB", "5.5", "MiB"]
    assert lines[4] == ["float32", "1.2", "MiB", "21.8", "MiB"]
    assert (
        "stages.0.blocks[0] (transformer_block) and 11 like it: softmax that gives 1 x 3 x 197 x 197" in tiny
    )
    assert "MCUFormer's check, int8: 328.7 KiB, above its 320.0 KiB" in tiny
    assert "stm32f746: peak_bytes 301.3 KiB of 320.0 KiB: holds" in tiny
    assert "peak_bytes 602.5 KiB of 320.0 KiB: does not hold" in small


def test_a_file_at_another_resolution_as_json(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    save_architecture(load_architecture("vit:deit_tiny"), path)
    arguments = ("profile", "memory", str(path), "--resolution-px", "160", "--target", "stm32f746", "--json")
    (entry,) = json.loads(run(*arguments)[1])
    assert entry["resolution_px"] == 160
    assert entry["peak_bytes"]["float16"] == 2 * entry["peak_elements"]
    assert entry["mcuformer"]["bytes"] == 192 * (101 * 5 + 192 * 4)
    assert entry["mcuformer"]["holds"] is True
    assert entry["limits"] == [
        {"cost": "peak_bytes", "needed": entry["peak_elements"], "limit": 327680, "holds": True}
    ]


def test_other_networks_without_a_device(run: Run) -> None:
    code, out, _ = run("profile", "memory", "efficientformer:s0")
    assert code == 0
    assert "882.0 KiB" in out
    assert "MCUFormer" not in out
    assert "holds" not in out


def test_a_device_without_limits_says_so(run: Run) -> None:
    assert "iphone12 states no limits" in run("profile", "memory", "vit:deit_tiny", "--target", "iphone12")[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("vit:deit_huge",), "deit_huge"),
        (("vit:deit_tiny", "--target", "stm32"), "stm32f746"),
        (("vit:deit_tiny", "--resolution-px", "100"), "patches of 16 px"),
    ],
)
def test_what_is_wrong_is_one_line(arguments: tuple[str, ...], said: str, run: Run) -> None:
    code, out, err = run("profile", "memory", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert said in err
