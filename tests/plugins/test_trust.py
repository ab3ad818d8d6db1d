"""Data never names code that runs: a path in any document is one error, unless the user trusts it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import vitnas
from vitnas import plugins
from vitnas.cli.main import main
from vitnas.errors import RunError, Untrusted, VitnasError
from vitnas.labelling import ask_labels

EVIL = """
from pathlib import Path
Path({marker!r}).touch()
from vitnas.ops.pooled_classifier import PooledClassifier
from vitnas.strategies.random import Random
from vitnas.qualities.params import Params
from vitnas.quality.proxies.naswot import Naswot
class Evil({base}):
    "Evil."
"""
BASES = {"op": "PooledClassifier", "strategy": "Random", "quality": "Params", "proxy": "Naswot"}
NETWORK: dict[str, Any] = {
    "name": "a",
    "input": {"channels": 3, "resolution_px": 32},
    "classes": 10,
    "stem": {"op": "conv_stem"},
    "stages": [{"width": 8, "blocks": [{"op": "conv_ffn", "expansion": 1}]}],
    "head": {"op": "pooled_classifier"},
}
OPEN = {**NETWORK, "name": "s", "stages": [{**NETWORK["stages"][0], "width": {"choice": [8, 16]}}]}
QUICK: dict[str, Any] = {"trials": 4, "front": 1, "random_arm": False, "progress": False}


@pytest.fixture
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Callable[[], bool]]:
    """Writes evil.py of a kind into the test's folder; says whether it has run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VITNAS_CACHE", str(tmp_path / "cache"))
    marker = tmp_path / "ran"

    def write(kind: str = "op") -> Callable[[], bool]:
        (tmp_path / "evil.py").write_text(EVIL.format(marker=str(marker), base=BASES[kind]))
        return marker.exists

    return write


def save(name: str, document: dict[str, Any]) -> str:
    Path(name).write_text(yaml.safe_dump(document))
    return name


def evil(document: dict[str, Any], field: str, path: str) -> dict[str, Any]:
    """A document that names the file in a field."""
    found: dict[str, Any] = json.loads(json.dumps(document))
    if field == "block":
        found["stages"][0]["blocks"][0] = {"op": path}
    elif field == "choice":
        found["head"] = {"op": {"choice": ["pooled_classifier", path]}}
    elif field == "variable":
        found |= {"vars": {"h": path}, "head": {"op": {"var": "h"}}}
    elif field == "down":
        found["stages"][0]["down"] = {"op": path}
    else:
        found[field] = {"op": path}
    return found


@pytest.mark.parametrize("path", ["./evil.py", "evil.py", "{here}/evil.py", "../{name}/evil.py"])
@pytest.mark.parametrize("field", ["stem", "head", "block", "down", "choice", "variable"])
def test_no_field_of_a_space_is_followed(ran, tmp_path, field, path):
    has_run = ran()
    file = save("s.yaml", evil(OPEN, field, path.format(here=tmp_path, name=tmp_path.name)))
    with pytest.raises(VitnasError, match=r"s.yaml:\d+: .*is a path to code"):
        vitnas.load_space(file)
    assert not has_run()


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "load_architecture": lambda **t: vitnas.load_architecture("a.yaml", **t),
    "load_space": lambda **t: vitnas.load_space("a.yaml", **t),
    "create_model": lambda **t: vitnas.create_model("a.yaml", **t),
    "price": lambda **t: vitnas.price("a.yaml", **t),
    "score": lambda **t: vitnas.score("a.yaml", progress=False, **t),
    "export_torch": lambda **t: vitnas.export_torch("a.yaml", "a.pt2", **t),
    "scale": lambda **t: vitnas.scale("a.yaml", to="4k", rule="compound", progress=False, **t),
    "search": lambda **t: vitnas.search("a.yaml", **QUICK, **t),
    "search a document": lambda **t: vitnas.search(yaml.safe_load(Path("a.yaml").read_text()), **QUICK, **t),
    "dry_run": lambda **t: vitnas.search("a.yaml", dry_run=True, progress=False, **t),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_asks(ran, name):
    has_run = ran()
    save("a.yaml", evil(NETWORK, "head", "./evil.py"))
    with pytest.raises(VitnasError, match="is a path to code"):
        FUNCTIONS[name]()
    assert not has_run()
    FUNCTIONS[name](trust=True)
    assert has_run()


COMMANDS = {
    "score": ["score", "a.yaml"],
    "export": ["export", "a.yaml", "--to", "torch", "--out", "a.pt2"],
    "spaces show": ["spaces", "show", "a.yaml"],
    "search": ["search", "--space", "a.yaml", "--dry-run"],
    "memory": ["profile", "memory", "a.yaml", "--target", "stm32f746"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_asks(ran, name, capsys):
    has_run = ran()
    save("a.yaml", evil(NETWORK, "head", "./evil.py"))
    with pytest.raises(SystemExit) as ended:
        main(COMMANDS[name])
    error = capsys.readouterr().err
    assert ended.value.code == 2 and not has_run()
    assert error.startswith("error: a.yaml:") and "--trust" in error and error.count("\n") == 1
    with pytest.raises(SystemExit):
        main([*COMMANDS[name], "--trust"])
    assert has_run()


def test_trust_is_for_one_call(ran):
    ran()
    save("a.yaml", evil(NETWORK, "head", "./evil.py"))
    network = vitnas.load_architecture("a.yaml", trust=True)
    with pytest.raises(VitnasError, match="is a path to code"):
        vitnas.score("a.yaml", progress=False)
    assert vitnas.price(network)["params"] > 0  # what is in hand stays usable


def test_names_are_the_users_own_plugins(ran):
    has_run = ran()
    Path("ops").mkdir()
    Path("evil.py").rename("ops/evil.py")
    vitnas.create_model(save("a.yaml", evil(NETWORK, "head", "evil")))
    assert has_run()


def forged(changes: dict[str, Any], quality: str | None = None) -> Path:
    """A run folder of somebody who has changed what its files say."""
    run = vitnas.search(save("s.yaml", OPEN), name="r", **QUICK).path
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["config"] |= changes
    (run / "manifest.json").write_text(json.dumps(manifest))
    if quality:
        text = (run / "quality.json").read_text().replace('"capacity"', json.dumps(quality))
        (run / "quality.json").write_text(text)
    return run


USES: dict[str, Callable[[Path], Any]] = {
    "load_run": lambda run: vitnas.load_run(run).report(),
    "resume": lambda run: vitnas.search(resume=run, trials=8, progress=False),
    "label": lambda run: ask_labels(run, 1),
    "study": lambda run: vitnas.load_run(run).write_study(f"sqlite:///{run}/s.db"),  # type: ignore[union-attr]
    "labels": lambda run: vitnas.search(labels=run, dry_run=True, progress=False),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("strategy", {"strategy": "./evil.py"}),
        ("quality", {"quality": "./evil.py"}),
        ("proxy", {"then": ["./evil.py:2"]}),
    ],
    ids=["strategy", "quality", "then"],
)
def test_no_field_of_a_run_is_followed(ran, use, kind, changes):
    has_run = ran(kind)
    run = forged(changes)
    with contextlib.suppress(VitnasError):
        USES[use](run)
    assert not has_run()


def test_nor_is_the_state_of_a_quality(ran):
    has_run = ran("quality")
    run = forged({}, quality="./evil.py")
    with pytest.raises(VitnasError):
        vitnas.search(resume=run, trials=8, progress=False)
    assert not has_run()


def test_what_needs_no_strategy_loads_none(ran):
    has_run = ran("strategy")
    run = forged({"strategy": "./evil.py"})
    assert vitnas.load_run(run).write_study("sqlite:///s.db").trials  # type: ignore[union-attr]
    ask_labels(run, 1)
    assert not has_run()


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("strategy", {"strategy": "./evil.py"}),
        ("quality", {"quality": "./evil.py"}),
        ("quality", {"then": ["./evil.py:2"]}),
    ],
    ids=["strategy", "quality", "then"],
)
def test_a_run_asks_for_the_plug_ins_that_it_was_given_by_path(ran, kind, given):
    ran(kind)
    run = vitnas.search(save("s.yaml", OPEN), name="r", **QUICK, **given).path
    with pytest.raises(Untrusted, match=r"evil\.py' is a path to code"):
        vitnas.search(resume=run, trials=2, progress=False)
    vitnas.search(resume=run, trials=2, progress=False, **given)
    vitnas.search(resume=run, trials=2, progress=False, trust=True)
    Path("other").mkdir()
    text = Path("evil.py").read_text()
    Path("other/evil.py").write_text(text)
    other = {name: json.loads(json.dumps(v).replace("./evil", "other/evil")) for name, v in given.items()}
    with pytest.raises(VitnasError, match="the run has"):
        vitnas.search(resume=run, trials=2, progress=False, **other)
    Path("evil.py").write_text(text + "\n")
    for say in (given, {"trust": True}):
        with pytest.raises(RunError, match=r"evil.py is not the file that the run began with"):
            vitnas.search(resume=run, trials=2, progress=False, **say)


def test_a_path_in_a_name_is_no_plug_in():
    for name in ("../evil", "/tmp/evil", "ops/evil", "evil.PY", "evil.py/", "evil.py\x00"):
        with pytest.raises(VitnasError):
            plugins.load_plugin("operator", name)
