"""A plug-in that fails is one line and exit code 2, with its traceback on demand, and leaves no folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., tuple[int, str, str]]  # exit code, stdout, stderr

STRATEGY = """
from vitnas.strategies.random import Random
class Mine(Random):
    '''One line.'''
    def ask(self, n):
        if n:
            raise ZeroDivisionError("no")
        return super().ask(n)
"""
PROXY = """
from vitnas.quality.proxies import Proxy
class Mine(Proxy):
    '''One line.'''
    def score(self, gradients):
        return self.nothing
"""
SEARCH = ("search", "--space", "tiny", "--name", "mine", "--trials", "5")
HINT = "; the traceback: vitnas --debug ...\n"


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def test_a_strategy_that_raises_leaves_no_folder_and_can_be_fixed(run: Run, folder: Path) -> None:
    write(folder, "strategies/mine.py", STRATEGY)
    code, out, err = run(*SEARCH, "--strategy", "mine")
    assert (code, out) == (2, "")
    said = "error: strategy 'mine' (./strategies/mine.py:7) fails: ZeroDivisionError: no"
    assert err.splitlines(keepends=True)[-1] == said + HINT
    assert "Traceback" not in err
    assert not (folder / "runs" / "mine").exists()
    write(folder, "strategies/mine.py", STRATEGY.replace("if n", "if not n"))
    code, _, err = run(*SEARCH, "--strategy", "mine")
    assert code == 0, err


@pytest.mark.parametrize(
    ("option", "text", "said"),
    [
        ("strategy", "import nowhere", "./strategies/mine.py:1) cannot be imported: ModuleNotFoundError"),
        ("strategy", "def f(:", "./strategies/mine.py:1) cannot be imported: SyntaxError: invalid syntax"),
        (
            "strategy",
            "from vitnas.strategies.random import Random\n"
            "class Mine(Random):\n    def __init__(self, problem, seed): ...",
            "./strategies/mine.py) cannot be made: TypeError: Mine.__init__() got an unexpected keyword",
        ),
        ("strategy", "class Mine: ...", "./strategies/mine.py) must derive from vitnas.strategies.Strategy"),
        ("quality", "class Mine: ...", "./proxies/mine.py) must derive from vitnas.quality.proxies.Proxy"),
        ("quality", "import nowhere", "./proxies/mine.py:1) cannot be imported: ModuleNotFoundError"),
    ],
)
def test_what_cannot_be_loaded(run: Run, folder: Path, option: str, text: str, said: str) -> None:
    write(folder, f"{'proxies' if option == 'quality' else 'strategies'}/mine.py", text)
    code, out, err = run(*SEARCH, f"--{option}", "mine")
    assert (code, out) == (2, "")
    assert said in err.splitlines()[-1]
    assert not (folder / "runs" / "mine").exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("None", "must propose up to (5, 15) genomes of uint8, not () of NoneType"),
        ("super().ask(n).astype(int)", "not (5, 15) of int64"),
        ("super().ask(n)[:, 1:]", "not (5, 14) of uint8"),
        ("super().ask(2 * n)", "not (10, 15) of uint8"),
    ],
)
def test_a_strategy_that_proposes_nonsense(run: Run, folder: Path, given: str, said: str) -> None:
    head = "from vitnas.strategies.random import Random\nclass Mine(Random):\n"
    write(folder, "strategies/mine.py", f"{head}    def ask(self, n):\n        return {given}")
    code, _, err = run(*SEARCH, "--strategy", "mine")
    assert code == 2
    assert err.splitlines()[-1].startswith("error: Mine (./strategies/mine.py) must propose")
    assert err.splitlines()[-1].endswith(said)


@pytest.mark.parametrize(("given", "said"), [("1.0", "not float"), ("genomes[:, :2] / 2", "not (")])
def test_a_quality_that_gives_nonsense(run: Run, folder: Path, given: str, said: str) -> None:
    head = "from vitnas.quality import Quality\nclass Mine(Quality):\n"
    write(folder, "qualities/mine.py", f"{head}    def score(self, genomes):\n        return {given}")
    code, _, err = run(*SEARCH, "--quality", "mine")
    assert code == 2
    assert "error: Mine (./qualities/mine.py) must give an array (" in err
    assert said in err


def test_the_failure_of_a_proxy_has_its_line(run: Run, folder: Path) -> None:
    write(folder, "proxies/mine.py", PROXY)
    code, out, _ = run("score", "efficientformer:s0", "--proxy", "mine", "--json")
    assert code == 0
    assert "AttributeError: 'Mine' object has no attribute 'nothing' (./proxies/mine.py:6)" in out


def test_a_proxy_that_always_fails_can_be_fixed(run: Run, folder: Path) -> None:
    write(folder, "proxies/mine.py", PROXY)
    code, _, err = run(*SEARCH, "--quality", "mine", "--front", "1")
    assert code == 2
    assert "'mine' could not score any of" in err and "(./proxies/mine.py:6)" in err
    (log,) = folder.glob("runs/*/evaluations.jsonl")
    assert "(./proxies/mine.py:6)" in log.read_text()
    write(folder, "proxies/mine.py", PROXY.replace("self.nothing", "1.0"))
    code, _, err = run(*SEARCH, "--quality", "mine", "--front", "1")
    assert code == 0, err


def test_the_traceback_on_demand(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder, "strategies/mine.py", "import nowhere")
    for debug in (("--debug",), ()):
        code, _, err = run(*debug, *SEARCH, "--strategy", "mine")
        assert code == 2
        assert "Traceback (most recent call last)" in err
        assert 'mine.py", line 1, in <module>\n    import nowhere' in err
        assert err.splitlines()[-1].endswith("ModuleNotFoundError: No module named 'nowhere'")
        monkeypatch.setenv("VITNAS_DEBUG", "1")


def test_the_lists_live_with_a_broken_file(run: Run, folder: Path) -> None:
    write(folder, "strategies/mine.py", "def f(:")
    code, out, err = run("strategies")
    assert (code, err) == (0, "")
    assert "./strategies/mine.py cannot be read: SyntaxError" in " ".join(out.split())
    assert "evolution" in out


def test_a_file_in_place_of_ours_is_said(run: Run, folder: Path) -> None:
    ours = Path(__file__).parents[2] / "vitnas" / "ops" / "conv_ffn.py"
    write(folder, "ops/conv_ffn.py", ours.read_text())
    write(folder, "search_spaces/vit.yaml", (folder / "search_spaces/tiny.yaml").read_text())
    with pytest.warns(UserWarning, match="in place of") as caught:
        code, _, err = run("search", "--space", "vit", "--name", "mine", "--trials", "5")
    assert code == 0, err
    assert {str(w.message) for w in caught} == {
        "./ops/conv_ffn.py is used in place of the built-in operator 'conv_ffn'",
        "./search_spaces/vit.yaml is used in place of the built-in space 'vit'",
    }
