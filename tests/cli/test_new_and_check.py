"""``vitnas new`` writes files that pass ``vitnas check`` as they are, and that a search uses at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from vitnas.testing import KINDS

Run = Callable[..., tuple[int, str, str]]  # exit code, stdout, stderr

FILES = {
    "operator": "ops/mine.py",
    "space": "search_spaces/mine.yaml",
    "device": "hardware_profiles/mine.yaml",
    "proxy": "proxies/mine.py",
    "quality": "qualities/mine.py",
    "strategy": "strategies/mine.py",
}
USES = {
    "operator": ("--space", "theirs"),
    "space": ("--space", "mine"),
    "device": ("--space", "tiny32", "--target", "mine"),
    "proxy": ("--space", "tiny32", "--quality", "mine"),
    "quality": ("--space", "tiny32", "--quality", "mine"),
    "strategy": ("--space", "tiny32", "--strategy", "mine", "--strategy-option", "keep=5"),
}


@pytest.fixture(autouse=True)
def stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's folder."""
    monkeypatch.chdir(tmp_path)


def test_every_kind_has_a_template() -> None:
    assert list(FILES) == list(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_file_passes_its_check_and_a_search_uses_it(run: Run, kind: str) -> None:
    code, out, _ = run("new", kind, "mine")
    assert code == 0
    assert out.splitlines()[:2] == [f"wrote {FILES[kind]}", f"check it: vitnas check {FILES[kind]}"]
    code, out, err = run("check", FILES[kind])
    assert (code, err) == (0, "")
    assert out.startswith(f"{FILES[kind]}, {kind}\n  passed   can be loaded\n")
    assert "failed" not in out
    if kind == "operator":
        run("new", "space", "theirs")
        file = Path("search_spaces/theirs.yaml")
        text = file.read_text().replace("op: transformer_block", "op: mine")
        file.write_text("".join(line for line in text.splitlines(True) if "head" not in line or "op" in line))
    code, _, err = run("search", *USES[kind], "--name", "r", "--trials", "6", "--front", "1")
    assert code == 0, err
    assert "mine" in Path("runs/r/manifest.json").read_text() or kind == "operator"


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        (
            "operator",
            "MyBlock",
            "'MyBlock' is no name of a operator: small letters, digits and '_', a letter",
        ),
        ("operator", "MyBlock", "; 'my_block' does"),
        ("strategy", "../x", "'../x' is no name of a strategy"),
        ("strategy", "class", "'class' is no name"),
        ("space", "", "'' is no name"),
        ("space", "a b", "; 'a_b' does"),
        ("device", "1st", "; 'st' does"),
        ("device", "a" * 61, "longer than 60 characters"),
        ("proxy", "naswot", "there is a proxy 'naswot' already, which proxies/naswot.py would hide"),
        ("strategy", "optuna-tpe", "there is a strategy 'optuna-tpe' already"),
        ("operater", "mine", "unknown kind 'operater'; did you mean 'operator'?"),
    ],
)
def test_names_that_do_not_do(run: Run, kind: str, name: str, said: str) -> None:
    code, out, err = run("new", kind, name)
    assert (code, out) == (2, "")
    assert err.startswith("error: ") and said in err and err.count("\n") == 1
    assert not any(Path().iterdir())


def test_nothing_is_written_over(run: Run) -> None:
    run("new", "strategy", "my-own")
    Path("strategies/my_own.py").write_text("mine")
    code, _, err = run("new", "strategy", "my_own")
    assert (code, err) == (2, "error: strategies/my_own.py is there already: take another name\n")
    assert Path("strategies/my_own.py").read_text() == "mine"


def edited(file: str, old: str, new: str) -> None:
    text = Path(file).read_text()
    assert old in text
    Path(file).write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("kind", "old", "new", "said"),
    [
        ("operator", "self.drop_path(mixed)", "x.mean()", "an image gives something else beside other"),
        ("operator", "self.drop_path(mixed)", "x.mean()", "'norm1.weight' gets no gradient: it is not used"),
        ("operator", "self.drop_path(mixed)", "x.std() * torch.randn_like(x)", "gives something else every"),
        (
            "operator",
            "kernel_px: int",
            "kernel_px: list",
            "can be loaded: operator 'mine' (./ops/mine.py) must",
        ),
        (
            "operator",
            "self.mix(self",
            "self.mix2(self",
            "AttributeError: 'Mine' object has no attribute 'mix2'",
        ),
        (
            "space",
            "[48, 64, 96]",
            "[96, 64, 48]",
            "'stages.0.width' are [96, 64, 48]: list them from small to large",
        ),
        ("space", "op: transformer_block", "op: transfomer_block", "did you mean 'transformer_block'"),
        ("space", "name: mine", "name: other", "its name is 'other', but its file has another"),
        ("device", "kind: limits", "kind: limit", "can be loaded: hardware_profiles/mine.yaml:"),
        ("proxy", ": list[float] = []", "= nn.__dict__.setdefault('kept', [])", "beside other proxies and"),
        ("proxy", "self.spreads.append(", "layer.weight.data *= 2; id(", "was changed"),
        ("proxy", "def score(", "def scores(", "must have the method 'score'"),
        ("quality", "costs[name] / most", "costs[name] / costs[name].max()", "among fewer genomes"),
        ("quality", '": self.medians}', '": {"params": 1}}', "restored, it gives other scores"),
        ("quality", "def score(", "def scores(", "it must have the method 'score'"),
        ("strategy", "self.rng.integers", "np.random.default_rng().integers", "equal seeds lead to"),
        ("strategy", "sample_feasible(n", "sample_feasible(2 * n", "ask(8) gave an array of shape (16, "),
        ("strategy", "rng_state(self.rng)", "rng_state(np.random.default_rng(1))", "proposes other genomes"),
    ],
)
def test_what_is_wrong_fails_a_check(run: Run, kind: str, old: str, new: str, said: str) -> None:
    run("new", kind, "mine")
    edited(FILES[kind], old, new)
    if "torch." in new:
        edited(FILES[kind], "from torch import", "import torch\nfrom torch import")
    code, out, err = run("check", FILES[kind])
    assert (code, err) == (1, "")
    failed = [line for line in out.splitlines() if line.startswith("  failed   ")]
    assert any(said in line for line in failed), out
    assert "1 failed" in out.splitlines()[-1] or len(failed) > 1


def test_what_cannot_be_loaded_is_one_line(run: Run) -> None:
    run("new", "operator", "mine")
    Path("ops/mine.py").write_text("def f(:")
    code, out, _ = run("check", "ops/mine.py")
    assert code == 1
    said = "operator 'mine' (./ops/mine.py:1) cannot be imported: SyntaxError: invalid syntax"
    assert out == f"ops/mine.py, operator\n  failed   can be loaded: {said}\n1 failed\n"
    code, _, err = run("--debug", "check", "ops/mine.py")
    assert code == 1
    assert "Traceback" in err and "SyntaxError" in err


def test_json(run: Run) -> None:
    run("new", "device", "mine")
    edited("hardware_profiles/mine.yaml", "source: data sheet of ...", "source: ''")
    code, out, _ = run("check", "hardware_profiles/mine.yaml", "--json")
    found = json.loads(out)
    assert code == 1
    assert {(f["file"], f["kind"]) for f in found} == {("hardware_profiles/mine.yaml", "device")}
    assert [(f["name"], f["outcome"], f["problem"]) for f in found][:2] == [
        ("can be loaded", "passed", ""),
        ("says where its figures come from", "failed", "it has no source"),
    ]


@pytest.mark.parametrize(
    ("file", "text", "kind"),
    [
        ("any/mine.py", "class Mine(vitnas.strategies.Strategy): ...", "strategy"),
        ("any/mine.py", "class Mine(Proxy): ...", "proxy"),
        ("qualities/mine.py", "class Mine(Proxy): ...", "proxy"),
        ("any/mine.py", "class Mine(nn.Module): ...", "operator"),
        ("ops/mine.py", "class Mine(ConvFfn): ...", "operator"),
        ("any/mine.yaml", "stages: []", "space"),
        ("any/mine.yaml", "conditions: {}", "device"),
        ("search_spaces/mine.yaml", "[]", "space"),
    ],
)
def test_the_kind_of_a_file(file: str, text: str, kind: str) -> None:
    from vitnas.testing.runner import kind_of

    Path(file).parent.mkdir()
    Path(file).write_text(text)
    assert kind_of(file) == kind


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nothing.py",), "no such file: 'nothing.py'"),
        (
            ("any.py",),
            "any.py: nothing says what it is; give --kind (operator, space, device, proxy, quality",
        ),
        (("any.py", "--kind", "proxie"), "unknown kind 'proxie'; did you mean 'proxy'?"),
        (("bad.yaml",), "bad.yaml:1: not valid YAML"),
    ],
)
def test_wrong_input(run: Run, arguments: tuple[str, ...], said: str) -> None:
    Path("any.py").write_text("")
    Path("bad.yaml").write_text("a: [")
    code, out, err = run("check", *arguments)
    assert (code, out) == (2, "")
    assert said in err
