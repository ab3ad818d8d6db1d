from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from vitnas import plugins
from vitnas.cli.lists import devices, proxies, strategies

Run = Callable[..., tuple[int, str, str]]
KINDS = {"proxies": "proxy", "strategies": "strategy"}


def test_devices_carry_origin_error_and_runtime(run: Run) -> None:
    code, out, err = run("devices")
    assert (code, err) == (0, "")
    (line,) = [line for line in out.splitlines() if line.startswith("iphone12 ")]
    assert "fitted" in line
    assert "±10 %" in line
    assert "Core ML" in out
    assert max(map(len, out.splitlines())) <= 80


def test_devices_as_json(run: Run) -> None:
    (entry,) = [e for e in json.loads(run("devices", "--json")[1]) if e["name"] == "iphone12"]
    assert entry["kind"] == "fitted"
    assert 0.05 < entry["band"] < 0.15
    assert entry["dtype"] == "float16"
    assert entry["problem"] is None
    assert (entry["metric"], entry["batch"], entry["limits"]) == ("latency", 1, {})
    assert entry["resolution_px"] == [224, 512]
    assert entry["measurements"] == 63


def test_every_device_says_what_it_holds(run: Run) -> None:
    entries = json.loads(run("devices", "--json")[1])
    lines = run("devices")[1].splitlines()
    for entry in entries:
        (line,) = [line for line in lines if line.split()[:1] == [entry["name"]]]
        assert line.split()[1:3] == [entry["kind"], entry["metric"]]
        assert entry["measurements"] > 0 or entry["kind"] == "limits"
        assert (entry["kind"] == "limits") == bool(entry["limits"])


def test_a_broken_profile_of_the_user_is_listed_with_its_problem(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hardware_profiles").mkdir()
    (tmp_path / "hardware_profiles" / "mine.yaml").write_text("format: 1\nname: mine\n")
    monkeypatch.chdir(tmp_path)
    code, out, _ = run("devices")
    assert code == 0
    assert "invalid" in out
    assert "iphone12" in out
    entries = {entry["name"]: entry for entry in json.loads(run("devices", "--json")[1])}
    assert "mine.yaml" in entries["mine"]["problem"]
    assert entries["mine"]["band"] is None


@pytest.mark.parametrize("command", [proxies, strategies])
def test_plugins_have_one_line_each(command: Callable[..., None], run: Run) -> None:
    name = command.__name__
    known = plugins.list_plugins(KINDS[name])
    assert known
    entries = json.loads(run(name, "--json")[1])
    assert [(entry["name"], entry["description"]) for entry in entries] == list(known.items())
    code, out, err = run(name)
    assert (code, err) == (0, "")
    starts = [line.split()[0] for line in out.splitlines() if line.strip() and not line.startswith(" ")]
    assert starts == [KINDS[name], *known]


@pytest.mark.parametrize("command", ["proxies", "strategies"])
def test_every_plugin_says_what_it_is(command: str, run: Run) -> None:
    entries = json.loads(run(command, "--json")[1])
    assert all(len(entry["description"]) > 10 for entry in entries)


def test_the_lists_are_functions_of_the_commands_names() -> None:
    assert [f.__name__ for f in (devices, proxies, strategies)] == ["devices", "proxies", "strategies"]


def test_strategies_list_their_options(run: Run) -> None:
    found = {entry["name"]: entry["options"] for entry in json.loads(run("strategies", "--json")[1])}
    assert found["random"] == []
    (rate,) = [option for option in found["reinforce"] if option["name"] == "learning_rate"]
    assert (rate["default"], rate["least"]) == (0.08, 0)
    assert "learning_rate=0.08" in run("strategies")[1]


def test_a_strategy_that_cannot_be_loaded_is_listed_without_options(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "strategies").mkdir()
    (tmp_path / "strategies" / "mine.py").write_text('class Mine:\n    """No strategy."""\n')
    monkeypatch.chdir(tmp_path)
    assert {"name": "mine", "description": "No strategy.", "options": []} in json.loads(
        run("strategies", "--json")[1]
    )
