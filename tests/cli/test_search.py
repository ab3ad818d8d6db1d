from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import vitnas.run.dry_run
import vitnas.run.search
from vitnas.events import Listener
from vitnas.run.result import DryRun, SearchResult
from vitnas.searching.config import SearchConfig
from vitnas.workers import WorkerSettings

Run = Callable[..., tuple[int, str, str]]  # exit code, stdout, stderr


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """What the command asked for, in place of searching."""
    asked = SimpleNamespace(config=None, options={}, state="finished")

    def result(config: SearchConfig, listener: Listener) -> SearchResult:
        listener.stage("searching", config.strategy)
        return SearchResult(
            config=config,
            path=Path("runs/a run"),
            state=asked.state,
            objectives=("quality", "params"),
            front=(),
            references=(),
            front_size=0,
            trials=10,
            asked=12,
            failed=0,
            seconds=1.0,
            hypervolume=0.5,
            random_hypervolume=None,
        )

    def run_search(config: SearchConfig, *, listener: Listener, **options: Any) -> SearchResult:
        asked.config, asked.options = config, options
        return result(config, listener)

    def resume_search(path: str, *, listener: Listener, **options: Any) -> SearchResult:
        asked.options = {"path": path, **options}
        return result(SearchConfig("tiny"), listener)

    def dry_run(config: SearchConfig, listener: Listener, **options: Any) -> DryRun:
        asked.config, asked.options = config, options
        costs = {"params": (1e6, 2e6, 3e6)}
        return DryRun(config.space, 12, 3, costs, {}, 300, 5.0, 60.0)

    monkeypatch.setattr(vitnas.run.search, "run_search", run_search)
    monkeypatch.setattr(vitnas.run.search, "resume_search", resume_search)
    monkeypatch.setattr(vitnas.run.dry_run, "dry_run", dry_run)
    return asked


def test_the_options_reach_the_search(run: Run, jobs: SimpleNamespace) -> None:
    code, _, _ = run(
        *("search", "--space", "s", "--target", "d,e", "--quality", "naswot", "--strategy", "local"),
        *("--max-latency", "d=1.6ms", "--max-activation-memory", "2MB", "--trials", "500k", "--time", "2m"),
        *("--min-throughput", "5k", "--batch", "8", "--resolution-px", "256"),
        *("--objective", "quality", "--objective", "params", "--seed", "3", "--population", "64"),
        *(
            "--combine",
            "log-rank",
            "--front",
            "5",
            "--no-random-arm",
            "--workers",
            "2",
            "--name",
            "n",
            "--out",
            "o",
            "--mirror",
            "sqlite:///m.db",
        ),
    )
    assert code == 0
    assert jobs.options.pop("beside").args[0].text == "sqlite:///m.db"
    assert jobs.options == {
        "root": "o",
        "name": "n",
        "workers": WorkerSettings(number=2),
        "space": None,
    }
    assert jobs.config == SearchConfig(
        space="s",
        target="d,e",
        quality="naswot",
        strategy="local",
        objectives=("quality", "params"),
        budgets=(("max-latency", "d=1.6ms"), ("min-throughput", "5k"), ("max-activation-memory", "2MB")),
        trials=500_000,
        time_s=120.0,
        seed=3,
        population=64,
        front=5,
        random_arm=False,
        batch=8,
        resolution_px=256,
        combine="log-rank",
    )


def test_a_preset_gives_way_to_what_is_given(run: Run, jobs: SimpleNamespace) -> None:
    assert run("search", "--preset", "asvit")[0] == 0
    pair = "ntk_condition+length_distortion"
    assert jobs.config == SearchConfig("asvit", quality=pair, strategy="reinforce", objectives=("quality",))
    assert run("search", "--preset", "asvit", "--space", "s", "--strategy", "random", "--seed", "2")[0] == 0
    assert (jobs.config.space, jobs.config.strategy, jobs.config.seed) == ("s", "random", 2)
    assert jobs.config.quality == pair


def test_the_defaults_are_those_of_the_config(run: Run, jobs: SimpleNamespace) -> None:
    assert run("search", "--space", "s")[0] == 0
    assert jobs.config == SearchConfig("s")
    assert jobs.options["workers"] == WorkerSettings()
    assert (jobs.options["root"], jobs.options["name"]) == ("runs", None)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--space"),
        (["--space", "s", "--trials", "1.5"], "--trials: '1.5' is not a whole number"),
        (["--space", "s", "--trials", "many"], "--trials: 'many'"),
        (["--space", "s", "--time", "2 parsecs"], "--time: '2 parsecs' is not a time"),
        (["--space", "s", "--workers", "0"], "--workers: expected at least 1, got 0"),
        (["--space", "s", "--front", "0"], "--front: expected at least 1, got 0"),
        (["--space", "s", "--batch", "0"], "--batch: expected at least 1, got 0"),
        (["--space", "s", "--resolution-px", "0"], "--resolution-px: expected a side such as 224"),
        (["--preset", "asvitt"], "--preset: unknown preset 'asvitt'; did you mean 'asvit'?"),
        (["--resume", "r", "--preset", "asvit"], "--preset cannot stand beside --resume"),
        (["--resume", "r", "--batch", "2"], "--batch cannot stand beside --resume"),
        (["--resume", "r", "--space", "s", "--name", "n"], "--name cannot stand beside --resume"),
        (["--resume", "r", "--max-latency", "1ms"], "--max-latency cannot stand beside --resume"),
        (["--resume", "r", "--seed", "0"], "--seed cannot stand beside --resume"),
        (["--resume", "r", "--no-random-arm"], "--random-arm cannot stand beside --resume"),
        (["--resume", "r", "--dry-run"], "--dry-run cannot stand beside --resume"),
    ],
)
def test_wrong_options_are_one_line_and_exit_2(
    run: Run, jobs: SimpleNamespace, arguments: list[str], said: str
) -> None:
    code, out, err = run("search", *arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1


def test_what_may_change_on_resuming(run: Run, jobs: SimpleNamespace) -> None:
    code, _, _ = run("search", "--resume", "r", "--trials", "2M", "--time", "1h", "--workers", "1", "--json")
    assert code == 0
    assert jobs.options == {
        "path": "r",
        "config": None,
        "trials": 2_000_000,
        "time_s": 3600.0,
        "workers": WorkerSettings(number=1),
        "same": {},
        "beside": None,
        "space": None,
    }


def test_json_is_all_that_stdout_holds(run: Run, jobs: SimpleNamespace) -> None:
    code, out, err = run("search", "--space", "s", "--json")
    document = json.loads(out)
    assert code == 0
    assert set(document) == {*SearchResult.__dataclass_fields__, "device_label", "band"}
    assert document["band"] is None  # nan is no JSON
    assert document["path"] == "runs/a run"
    assert err == "searching: evolution\n"


def test_plain_output_has_no_escape_codes(run: Run, jobs: SimpleNamespace) -> None:
    code, out, err = run("search", "--space", "s")
    assert code == 0
    assert "wrote runs/a run/" in out
    assert "\x1b" not in out + err


def test_interrupted_says_how_to_go_on(run: Run, jobs: SimpleNamespace) -> None:
    jobs.state = "interrupted"
    code, out, err = run("search", "--space", "s")
    assert code == 130
    assert "wrote runs/a run/" in out
    assert err.endswith("Go on with: vitnas search --resume 'runs/a run'\n")
    code, out, _ = run("search", "--space", "s", "--json")
    assert code == 130
    assert json.loads(out)["state"] == "interrupted"


def test_out_of_time_is_a_success_that_says_how_to_go_on(run: Run, jobs: SimpleNamespace) -> None:
    jobs.state = "out of time"
    code, _, err = run("search", "--space", "s", "--time", "1s")
    assert code == 0
    assert "stopped by --time after 10 trials" in err
    assert "vitnas search --resume 'runs/a run'" in err


def test_dry_run(run: Run, jobs: SimpleNamespace) -> None:
    code, out, _ = run("search", "--space", "s", "--max-params", "13M", "--dry-run")
    assert code == 0
    assert jobs.config.budgets == (("max-params", "13M"),)
    assert "space s: 12 architectures, 3 genes" in out
    assert "about 1 min 00 s on one worker with the checks of the front" in out
    code, out, _ = run("search", "--space", "s", "--dry-run", "--json", "--workers", "3")
    assert jobs.options["workers"].number == 3
    assert json.loads(out)["costs"] == {"params": [1e6, 2e6, 3e6]}


def test_a_terminal_gets_the_live_view(
    run: Run, jobs: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vitnas.cli import _common
    from vitnas.report.terminal.live import LiveView
    from vitnas.report.terminal.plain_view import PlainView

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(_common, "is_terminal", lambda: True)
    assert isinstance(_common.view(False), LiveView)
    assert isinstance(_common.view(True), PlainView)  # --json
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(_common.view(False), PlainView)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(_common, "is_terminal", lambda: False)
    assert isinstance(_common.view(False), PlainView)


def test_help_names_units_and_fits_80_columns(run: Run) -> None:
    code, out, _ = run("search", "--help")
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    for word in ("1.6ms", "13M", "1.3G", "2MiB", "500k", "[default: 20]"):
        assert word in out
