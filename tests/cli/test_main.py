"""The command line as a whole: what it lists, how it fails, what it imports."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import NoReturn

import pytest

import vitnas
from vitnas import plugins
from vitnas.cli import main
from vitnas.errors import InvalidBudget

Run = Callable[..., tuple[int, str, str]]  # exit code, stdout, stderr

HEAVY = ("torch", "numpy", "optuna", "scipy", "yaml", "fvcore", "rich")


@pytest.mark.parametrize("name", sorted(main.COMMANDS))
def test_the_list_says_what_the_command_says(name: str) -> None:
    assert main.load(name).help.startswith(main.COMMANDS[name].help.rstrip("."))


def test_help_lists_every_command_on_one_line(run: Run) -> None:
    code, out, err = run("--help")
    assert (code, err) == (0, "")
    for name, entry in main.COMMANDS.items():
        assert f"  {name:<10}  {entry.help}\n" in out
    assert max(map(len, out.splitlines())) <= 80


def test_no_command_prints_the_help(run: Run) -> None:
    code, out, err = run()
    assert "Commands:" in out + err
    assert code in (0, 2)  # click changed it


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    program = (
        "import sys\nfrom vitnas.cli.main import main\n"
        f"try:\n    main({arguments})\nexcept SystemExit as done:\n    assert not done.code\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("arguments", [["spaces"], ["devices"], ["strategies"], ["proxies"]])
def test_lists_do_not_import_torch(arguments: list[str]) -> None:
    program = (
        "import sys\nfrom vitnas.cli.main import main\n"
        f"try:\n    main({arguments})\nexcept SystemExit as done:\n    assert not done.code\n"
        "print('torch' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "False"


def test_version(run: Run) -> None:
    assert run("--version") == (0, f"vitnas {vitnas.__version__}\n", "")


def test_python_dash_m() -> None:
    command = [sys.executable, "-m", "vitnas", "--version"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout == f"vitnas {vitnas.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["spaces", "show", "efficientfromer"], "did you mean 'efficientformer'?"),
        (["export", "efficientformer:s9", "--to", "timm"], "'s9'; did you mean 's2'?"),
        (["export", "nowhere.yaml", "--to", "timm"], "no such architecture file: 'nowhere.yaml'"),
    ],
)
def test_wrong_input_is_one_line_and_exit_2(run: Run, arguments: list[str], said: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert said in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["serch"], "Did you mean 'search'?"),
        (["nosuch"], "no such command 'nosuch' (see vitnas --help)"),
        (["--nosuch"], "no such option: --nosuch (see vitnas --help)"),
        (["export", "efficientformer:s0"], "--to"),
        (["spaces", "--jsn"], "--jsn"),
        (["spaces", "show"], "(see vitnas spaces show --help)"),
        (["devices", "more"], "(more) (see vitnas devices --help)"),
        (
            ["search", "--space", "tiny32", "--resolution-px", "big"],
            "--resolution-px: expected a side such as 224",
        ),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(run: Run, arguments: list[str], said: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ") and err.count("\n") == 1
    assert said in err


def fail_with(problem: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(kind: str) -> NoReturn:
        raise problem

    monkeypatch.setattr(plugins, "list_plugins", failing)


@pytest.mark.parametrize(
    ("problem", "code", "said"),
    [
        (InvalidBudget("a\nb"), 2, "error: a b\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (PermissionError(13, "Permission denied", "runs/x"), 2, "error: runs/x: Permission denied\n"),
        (OSError(28, "No space left on device"), 2, "error: No space left on device\n"),
    ],
)
def test_problems_become_one_line(
    run: Run, problem: BaseException, code: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_with(problem, monkeypatch)
    assert run("proxies") == (code, "", said)


def test_a_defect_of_ours_is_not_hidden(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(RuntimeError("defect"), monkeypatch)
    with pytest.raises(RuntimeError, match="defect"):
        run("proxies")


def test_a_reader_that_goes_away_is_no_error() -> None:
    command = [sys.executable, "-m", "vitnas", "spaces", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""


def test_our_warnings_are_one_line_without_a_place() -> None:
    program = (
        "import warnings, vitnas.cli.lists as lists\nfrom vitnas.cli.main import main\n"
        "lists.plugins.list_plugins = lambda kind: warnings.warn_explicit('ours', UserWarning,"
        " lists.__file__, 1) or warnings.warn_explicit('theirs', UserWarning, 'other.py', 1) or {}\n"
        "main(['proxies', '--json'])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert result.returncode == 0
    assert json.loads(result.stdout) == []
    assert result.stderr.startswith("warning: ours\n")
    assert "other.py:1: UserWarning: theirs" in result.stderr
