from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from vitnas.hardware.load_device import load_device
from vitnas.hardware.profile.profile_fields import Profile, save_profile
from vitnas.hardware.published.published_networks import network_trace

Run = Callable[..., tuple[int, str, str]]
NAMES = ("resnet18", "resnet34", "mobilenetv2_100")
HEADER = "timm_name_if_any,resolution,latency_ms,architecture\n"

pytest.importorskip("timm")


def rows(factors: list[float], names: tuple[str, ...] = NAMES) -> str:
    """Networks that take so many times what the shipped device says."""
    device = load_device("iphone12")
    lines = [
        f"{n},224,{f * (device.base_ms() + device.kernels_ms(network_trace(n, 224).kernels)):.6g},\n"
        for n, f in zip(names, factors, strict=True)
    ]
    return HEADER + "".join(lines)


@pytest.fixture
def calibrate(run: Run, tmp_path: Path) -> Callable[..., tuple[int, str, str]]:
    """``profile calibrate`` by a CSV of this text."""

    def call(text: str, *more: str, device: str = "iphone12", name: str = "mine") -> tuple[int, str, str]:
        path = tmp_path / "my.csv"
        path.write_text(text, encoding="utf-8")
        arguments = ("--measurements", str(path), "--name", name, "--out", str(tmp_path / "out"), *more)
        return run("profile", "calibrate", device, *arguments)

    return call


def test_it_prints_both_errors_and_writes_the_device(
    calibrate: Callable[..., tuple[int, str, str]], run: Run, tmp_path: Path
) -> None:
    text = rows([2.0, 2.1, 2.2]) + "resnet5O,224,3,\n,224,3,efficientformer:s9\n,224,3,\n"
    code, out, err = calibrate(text, "--title", "mine-v1", "--device", "My phone")
    assert code == 0, err
    before, after = out.index("error as it was"), out.index("expected error, leave one out, 3 networks")
    assert before < after
    assert "MAPE 52." in out[before:after]
    assert "everything else x 2.1" in out
    assert "skipped 3 rows" in out
    assert "did you mean 'resnet50'?" in out
    assert "unknown published network 's9'" in out
    assert "no timm name and no architecture" in out
    assert "warning: an error from 3 networks is rough" in err
    made = tmp_path / "out" / "mine.yaml"
    assert {path.name for path in made.parent.iterdir()} == {"mine.yaml", "mine.check.csv"}
    code, out, _ = run("profile", "check", str(made), "--truth", str(tmp_path / "my.csv"))
    assert code == 0
    assert "mine-v1" in out


def test_a_row_unlike_the_others_is_pointed_out(calibrate: Callable[..., tuple[int, str, str]]) -> None:
    names = (*NAMES, "resnet50", "repvit_m0_9")
    code, _, err = calibrate(rows([2.0, 2.0, 0.002, 2.0, 2.0], names))
    assert code == 0
    assert "line 4: mobilenetv2_100 is 1000.0 times faster than the others would have it" in err


def test_latencies_that_are_far_off_get_a_warning(calibrate: Callable[..., tuple[int, str, str]]) -> None:
    code, _, err = calibrate(rows([20.0, 20.0, 20.0]))
    assert code == 0
    assert "the latencies are 20 times above those of iphone12 (median)" in err
    assert "a nearer device transfers better" in err


def limits(profile: Profile) -> Profile:
    return replace(profile, kind="limits", metric="none", coefficients={}, error=None, limits={"params": 5.0})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER, "no rows below the header"),
        ("model,latency_ms\nresnet18,1\n", "'timm_name_if_any' and 'resolution': the columns are missing"),
        (HEADER + 'resnet18,224,"1,5",\n', "'1,5' is no number; write decimals with a point"),
        (HEADER + "resnet18,224,-1,\n", "-1 is no latency; it must be positive"),
        (
            HEADER + "resnet18,224,1,\nresnet18,224,1,\nresnet5O,224,1,\n",
            "1 usable networks of 3 rows; calibrating takes 3 or more (skipped first: line 4: unknown timm",
        ),
        (
            rows([0.002, 0.002, 0.002]),
            "500 times below those of iphone12 (median); latency_ms takes milliseconds: "
            "if these are seconds, multiply them by 1000",
        ),
        (rows([2000.0, 2000.0, 2000.0]), "if these are microseconds, divide them by 1000"),
        (
            HEADER + "resnet18,224,1,efficientformer:s0\n",
            "names two networks, 'resnet18' and 'efficientformer:s0'",
        ),
        (HEADER + "resnet18,64,1,\n", "iphone12: its rows are of squares of 224 to 512 px, not of 64 px"),
    ],
)
def test_measurements_that_carry_nothing_give_one_line(
    text: str, message: str, calibrate: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    refused(calibrate(text), message)
    assert not (tmp_path / "out").exists()


def test_limits_are_nothing_to_carry(calibrate: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    save_profile(limits(load_device("iphone12").profile), tmp_path / "odd.yaml")
    answer = calibrate(rows([1.0, 1.0, 1.0]), device=str(tmp_path / "odd.yaml"))
    refused(answer, "odd.yaml holds limits and no latency")


def test_a_throughput_is_carried_by_rows_of_its_batch(
    calibrate: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    profile = load_device("iphone12").profile
    conditions = replace(profile.conditions, batch=256)
    save_profile(replace(profile, metric="throughput", conditions=conditions), tmp_path / "gpu.yaml")
    gpu, text = str(tmp_path / "gpu.yaml"), rows([0.5, 0.5, 0.5])
    refused(calibrate(text, device=gpu), "the batch in a column 'batch'")
    lines = text.splitlines()
    for batch, usable in (("128", False), ("256", True)):
        stated = "\n".join([f"{lines[0]},batch", *(f"{line},{batch}" for line in lines[1:])]) + "\n"
        if not usable:
            refused(calibrate(stated, device=gpu), "batch 128, not 256")
            continue
        code, out, _ = calibrate(stated, device=gpu)
        assert code == 0
        assert "(batches of 256)" in out
    made = load_device(str(tmp_path / "out" / "mine.yaml"))
    assert (made.metric, made.batch) == ("throughput", 256)


def test_names_that_are_none(calibrate: Callable[..., tuple[int, str, str]]) -> None:
    refused(
        calibrate(rows([1.0, 1.0, 1.0]), device="iphone21"),
        "unknown device 'iphone21'; did you mean 'iphone12'?",
    )
    refused(calibrate(rows([1.0, 1.0, 1.0]), name="a/b"), "'a/b' is no name")


def refused(answer: tuple[int, str, str], message: str) -> None:
    code, _, err = answer
    assert code == 2
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert message in err
