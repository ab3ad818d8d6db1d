"""``vitnas proxies check`` and ``report`` as a user sees them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

Run = Callable[..., tuple[int, str, str]]
KEYS = ["proxy", "space", "n", "tau", "tau_low", "tau_high", "spearman", "regret", "seconds_per_architecture"]
SPACE = {
    "name": "small",
    "input": {"channels": 3, "resolution_px": 32},
    "classes": 10,
    "stem": {"op": "conv_stem"},
    "stages": [
        {
            "width": {"range": [8, 32, 8]},
            "blocks": [{"op": "conv_ffn", "repeat": {"range": [1, 3]}, "expansion": 2}],
        }
    ],
    "head": {"op": "pooled_classifier"},
    "columns": {
        "genes": {"depth": "stages.0.blocks.0.repeat", "width": "stages.0.width"},
        "where": {"scale": "small"},
        "group": "slice",
    },
}


@pytest.fixture
def truth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table of all twelve networks of a space, and one row of another."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "search_spaces").mkdir()
    (tmp_path / "search_spaces" / "small.yaml").write_text(yaml.safe_dump(SPACE, sort_keys=False))
    rows = [
        (d, w, "ab"[w > 16], "small", 60 + 3 * d + w / 8 + (d * w) % 5)
        for d in (1, 2, 3)
        for w in (8, 16, 24, 32)
    ]
    with (tmp_path / "truth.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("depth", "width", "slice", "scale", "top1"))
        writer.writerows([*rows, (9, 9, "a", "large", 80)])
    return tmp_path / "truth.csv"


def test_json_has_one_object_a_score(run: Run, truth: Path) -> None:
    arguments = (
        "proxies",
        "check",
        "--space",
        "small",
        "--truth",
        str(truth),
        "--proxy",
        "naswot,naswot+depth",
    )
    code, out, err = run(*arguments, "--json")
    assert code == 0
    assert "measuring networks: 12 networks, 0 of them known, naswot" in err
    entries = json.loads(out)
    assert [e["proxy"] for e in entries] == [
        *("naswot", "naswot+depth", "params", "macs", "depth", "widths", "capacity"),
    ]
    for found in entries:
        assert list(found)[:9] == KEYS
        assert (found["space"], found["n"]) == ("small", 12)
        assert [part["group"] for part in found["parts"]] == ["a", "b"]
    assert 0 < entries[0]["seconds_per_architecture"] < 60
    code, out, err = run(*arguments)
    assert code == 0
    assert "12 networks, 12 of them known" in err, "nothing is measured twice"
    assert "small, top1: all 12 networks of truth.csv" in out
    assert "1 rows of other spaces are left out" in out
    assert max(map(len, out.splitlines()[:12])) <= 80


def test_a_page_from_the_results(run: Run, truth: Path) -> None:
    pytest.importorskip("matplotlib")
    assert run("proxies", "check", "--space", "small", "--truth", str(truth), "--proxy", "naswot")[0] == 0
    code, out, err = run("proxies", "report", "runs/proxies-small")
    assert (code, err) == (0, "")
    assert out == "wrote docs/proxies.md: 1 checks\n"
    first = Path("docs/proxies.md").read_bytes()
    assert Path("docs/proxies/tau.png").is_file()
    assert run("proxies", "report")[0] == 0
    assert Path("docs/proxies.md").read_bytes() == first


def edited(truth: Path, old: str, new: str) -> str:
    truth.write_text(truth.read_text().replace(old, new))
    return str(truth)


@pytest.mark.parametrize(
    ("old", "new", "more", "said"),
    [
        ("", "", ["--proxy", "nawsot"], "did you mean 'naswot'?"),
        ("", "", ["--label", "top5"], "unknown label 'top5'; did you mean 'top1'?"),
        ("", "", ["--bands", "5"], "--bands: '5' is not LOW-HIGH"),
        ("", "", ["--images", "nowhere"], "nowhere: no such folder or file of images"),
        ("", "", ["--limit", "3"], "--limit 3"),
        ("", "", ["--workers", "0"], "--workers: expected at least 1"),
        ("width", "wdith", [], "'width'"),
        ("slice", "notes", [], "unknown column 'notes'"),
        ("3,32,b", "4,32,b", [], "truth.csv:13"),
        ("1,8,a,small", "1,8,a,other", [], ""),
        ("small", "large", [], "no row is of space 'small'"),
    ],
)
def test_wrong_input_is_one_line(
    run: Run, truth: Path, old: str, new: str, more: list[str], said: str
) -> None:
    table = edited(truth, old, new) if old else str(truth)
    if not said:  # two rows fewer are too few for a tau
        lines = Path(table).read_text().splitlines()
        Path(table).write_text("\n".join(line for line in lines if not line.startswith("2,")))
        said = "rows of space 'small' have a 'top1'; a rank correlation takes 10 at least"
    code, out, err = run("proxies", "check", "--space", "small", "--truth", table, *more)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert said in err
    assert err.count("\n") == 1
    assert not Path("runs").exists() or "--images" in more or "--workers" in more


def test_a_report_of_nothing(run: Run, truth: Path) -> None:
    code, out, err = run("proxies", "report", "runs")
    assert (code, out) == (2, "")
    assert "runs: holds no finished check of proxies" in err
