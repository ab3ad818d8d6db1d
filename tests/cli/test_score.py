from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from vitnas import plugins

Run = Callable[..., tuple[int, str, str]]  # exit code, stdout, stderr
FATAL = """
import os

from vitnas.quality.proxies._base import Proxy


class Fatal(Proxy):
    \"\"\"Ends its process.\"\"\"

    def score(self, gradients):
        os._exit(3)
"""
S0, S2 = "efficientformer:s0", "efficientformer:s2"


def test_prices_of_published_networks(run: Run) -> None:
    code, out, err = run("score", S0, S2, "--target", "iphone12")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert max(map(len, lines)) <= 80
    assert "3.60" in lines[2]
    assert "12.71" in lines[3]
    assert "±" in lines[2]
    assert "fitted, not measured" in out
    assert "\x1b" not in out


def test_json_has_an_object_a_file(run: Run) -> None:
    code, out, _ = run("score", S0, S2, "--target", "iphone12", "--json")
    rows = json.loads(out)
    assert code == 0
    assert [row["params"] for row in rows] == [3_600_256, 12_710_112]
    wanted = {"name", "id", "params", "macs", "activations", "peak_bytes", "latency_ms", "scores"}
    for row in rows:
        assert wanted <= set(row)
    assert 0.8 < rows[0]["latency_ms"] < 1.0  # published: 0.9


def test_proxies_are_asked_for_by_name(run: Run) -> None:
    code, out, _ = run("score", S0, "--proxy", "token_entropy", "--proxy", "naswot", "--json")
    (row,) = json.loads(out)
    assert code == 0
    assert set(row["scores"]) == {"token_entropy", "naswot"}
    assert row["latency_ms"] is None


def test_what_proxies_are_computed_with(run: Run, tmp_path: Path) -> None:
    np.savez(tmp_path / "real.npz", x=np.random.default_rng(0).integers(0, 256, (9, 40, 40, 3), np.uint8))
    settings = ["--repeats", "2", "--proxy-resolution-px", "50", "--proxy-batch", "4"]
    settings += ["--images", str(tmp_path / "real.npz")]
    code, out, _ = run("score", S0, "--proxy", "naswot", *settings, "--json")
    (row,) = json.loads(out)
    assert code == 0
    assert row["settings"] == {"naswot": {"resolution_px": 64, "batch": 4, "repeats": 2}}
    assert "64 px instead of 50 px" in row["notes"][0]
    assert row["spreads"]["naswot"] > 0 and row["seconds"]["naswot"] > 0
    code, out, _ = run("score", S0, "--proxy", "naswot", *settings)
    assert code == 0
    assert "±" in out and "64 px instead of 50 px" in out


def test_batch_and_resolution_change_what_is_priced(run: Run) -> None:
    plain, batch, large = (
        json.loads(run("score", S0, *more, "--json")[1])[0]
        for more in ((), ("--batch", "4"), ("--resolution-px", "256"))
    )
    assert batch["peak_bytes"] == 4 * plain["peak_bytes"]
    assert (batch["macs"], batch["params"]) == (plain["macs"], plain["params"])
    assert large["macs"] > 1.2 * plain["macs"]
    assert large["id"] != plain["id"]


def test_several_devices(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hardware_profiles").mkdir()
    shipped = plugins.find_data("hardware_profiles", "iphone12").read_text()
    other = shipped.replace("name: iphone12-coreml", "name: other-coreml")
    (tmp_path / "hardware_profiles" / "other.yaml").write_text(other)
    monkeypatch.chdir(tmp_path)
    code, out, err = run("score", S0, S2, "--target", "iphone12,other")
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 80
    assert "latency: other-coreml-ios16-fit-v1 (fitted, not measured, ±10 %)" in out
    (row, _) = json.loads(run("score", S0, S2, "--target", "iphone12,other", "--json")[1])
    assert row["latency_ms@iphone12"] == row["latency_ms@other"]
    assert [target["name"] for target in row["targets"]] == ["iphone12", "other"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.yaml"], "nowhere.yaml"),
        (["efficientformer:s9"], "s9"),
        ([S0, "--target", "iphone-12"], "did you mean 'iphone12'?"),
        ([S0, "--target", "iphone12", "--batch", "8"], "iphone12 holds latency at batch 1, not 8"),
        ([S0, "--resolution-px", "250"], "250 px"),
        ([S0, "--proxy", "naswott"], "did you mean 'naswot'?"),
        ([S0, "--repeats", "3"], "repeats is for proxies: name one with --proxy"),
        ([S0, "--device", "cuda"], "device is for proxies"),
        ([S0, "--proxy", "naswot", "--device", "gpu"], "expected cpu, cuda, or cuda:N"),
        ([S0, "--proxy", "naswot", "--device", "cuda:99"], "CUDA devices that torch can use"),
        ([S0, "--proxy", "naswot", "--images", "nowhere"], "nowhere: no such folder or file of images"),
    ],
)
def test_wrong_input_is_one_line_and_exit_2(run: Run, arguments: list[str], said: str) -> None:
    code, out, err = run("score", *arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_a_list_on_workers_is_scored_as_here(run: Run, tmp_path: Path) -> None:
    arguments = ("score", "efficientformer:s1", "efficientformer:s0", "--proxy", "naswot", "--json")
    settings = ("--proxy-resolution-px", "64", "--proxy-batch", "4")
    here = json.loads(run(*arguments, *settings)[1])
    code, out, err = run(*arguments, *settings, "--workers", "2", "--candidate-timeout", "10m")
    there = json.loads(out)
    assert code == 0
    assert "2 networks, naswot" in err
    for one, two in zip(here, there, strict=True):  # in the order given
        assert one.pop("seconds").keys() == two.pop("seconds").keys()
        assert one.pop("scores")["naswot"] == pytest.approx(two.pop("scores")["naswot"], rel=1e-5)
        assert one == two


def test_what_cannot_be_scored_on_workers_is_a_row(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "proxies").mkdir()
    (tmp_path / "proxies" / "fatal.py").write_text(FATAL)
    names = ("efficientformer:s0", "efficientformer:s1")
    code, out, _ = run("score", *names, "--proxy", "fatal", "--json", "--workers", "1")
    assert code == 0
    for row in json.loads(out):
        assert row["params"] > 1e6
        assert row["scores"] == {"fatal": None}
        assert row["failures"] == {"fatal": "killed two workers (exit code 3)"}


def test_workers_are_for_proxies(run: Run) -> None:
    code, _, err = run("score", "efficientformer:s0", "--workers", "2")
    assert (code, err.count("\n")) == (2, 1)
    assert "workers is for proxies" in err
