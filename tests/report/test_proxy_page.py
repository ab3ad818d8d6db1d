"""The page on proxies: written from results, the same bytes again, and not stale."""

from __future__ import annotations

import json

import pytest

from vitnas.errors import InvalidData, InvalidInput
from vitnas.plugins import PACKAGE_FOLDER
from vitnas.report.figures.proxy_plot import ranked_names, write_plot
from vitnas.report.pages.proxy_page import PLOT, doubts, proxy_page
from vitnas.report.pages.proxy_results import read_results, take_in
from vitnas.report.pages.proxy_tables import check_tables

DOCS = PACKAGE_FOLDER.parent / "docs"
COMMITTED = sorted((DOCS / "proxies").glob("*.json")) if (DOCS / "proxies").is_dir() else []
KNOWN = """proxy,space,label,n,tau,low,high,conditions
naswot,tiny,top1,120,0.60,0.51,0.68,"224 px, 4 images"
snip,tiny,top1,120,0.39,,,
"""


def entry(proxy, tau, kind="proxy", parts=(), **changes):
    figures = {
        "proxy": proxy,
        "space": "tiny",
        "n": 40,
        "tau": tau,
        "tau_low": None if tau is None else tau - 0.1234567,
        "tau_high": None if tau is None else tau + 0.1,
        "spearman": tau,
        "regret": 0.5,
        "seconds_per_architecture": 0.123 if kind == "proxy" else 1e-6,
        "label": "top1",
        "kind": kind,
        "group": "",
        "band": "",
        "median_regret": 1.5,
        "r2_shape": 0.98,
        "residual_tau": 0.05,
        "failures": 0,
        "failure": "",
        "resolution_px": 64 if kind == "proxy" else None,
    }
    return {**figures, "parts": list(parts), **changes}


def document(**changes):
    part = {k: v for k, v in entry("naswot", 0.3, band="5M-6M", n=12).items() if k != "parts"}
    band = entry("params", 0.44, "baseline", band="5M-6M", n=200)
    entries = [
        entry("naswot", 0.7, parts=[part]),
        entry("snip", None, n=0, failures=40, failure="ValueError: none"),
        entry("naswot+snip", 0.2),
        entry("params", 0.45, "baseline", all_rows=entry("params", 0.46, "baseline", [band], n=600)),
        entry("capacity", 0.71, "quality"),
    ]
    facts = {"format": 1, "space": "tiny", "label": "top1", "truth": "truth.csv", "rows": 602, "skipped": 7}
    facts |= {
        "unlabelled": 2,
        "labelled": 600,
        "sample": 40,
        "label_spread": 0.25,
        "seed": 0,
        "repeats": None,
    }
    facts |= {
        "resolution_px": None,
        "images": None,
        "device": "cpu",
        "combine": "log-rank",
        "resamples": 1000,
    }
    facts |= {"workers": 1, "machine": "one core, A CPU", "versions": {"torch": "2.9", "vitnas": "0.1"}}
    return {**facts, "proxies": entries, **changes}


@pytest.fixture
def folder(tmp_path):
    """A folder beside a page, with one check taken in."""
    run, folder = tmp_path / "run", tmp_path / "docs" / "proxies"
    run.mkdir()
    folder.mkdir(parents=True)
    (run / "top1.json").write_text(json.dumps(document()))
    assert [path.name for path in take_in(run, folder)] == ["tiny.top1.40.json"]
    (folder / "known.csv").write_text(KNOWN)
    return folder


@pytest.mark.skipif(not COMMITTED, reason="installed without its docs")
def test_the_committed_page_says_what_the_results_say():
    written = (DOCS / "proxies.md").read_text(encoding="utf-8")
    page = proxy_page(read_results(DOCS / "proxies"), picture=True)
    assert written == page, "run: vitnas proxies report --out docs"


@pytest.mark.skipif(not COMMITTED, reason="installed without its docs")
def test_the_committed_picture_shows_the_results():
    image = pytest.importorskip("PIL.Image")
    with image.open(DOCS / PLOT) as picture:
        assert picture.info["Description"] == read_results(DOCS / "proxies").digest, (
            "run: vitnas proxies report --out docs"
        )


@pytest.mark.skipif(not COMMITTED, reason="installed without its docs")
def test_what_differs_from_before_is_explained():
    assert doubts(read_results(DOCS / "proxies")) == []


def test_a_page_has_scores_checks_and_definitions(folder):
    page = proxy_page(read_results(folder), picture=True)
    assert "| [`naswot`](#naswot) | 0.70 [0.58, 0.80] |" in page
    assert "| *params* | 0.45 [0.33, 0.55] |" in page
    assert f"({PLOT})" in page
    assert "| `naswot` | 40 | 0.70 [0.58, 0.80] | 0.70 | 0.500 | 0.12 | 0.98 | 0.05 |" in page
    assert "0.60 [0.51, 0.68], **outside** |" in page
    assert "| `snip` | 0 | - |" in page
    assert "`snip` failed on 40 networks: ValueError: none" in page
    assert "On all 600 rows: params 0.46 [0.34, 0.56]." in page
    assert "| tau | 5M-6M (12) |" in page
    assert "on all 600 rows</summary>" in page and "| tau | 5M-6M (200) |" in page
    assert "\n### naswot\n" in page and "Mellor et al." in page
    assert "The sum of naswot, snip (log-rank)." in page
    assert "Measured before with: 224 px, 4 images." in page
    assert "one core, A CPU; torch 2.9" in page and "Gaussian images of 64 px" in page
    assert ".png" not in proxy_page(read_results(folder), picture=False)


def test_notes_explain_what_differs_from_before(folder):
    (said,) = doubts(read_results(folder))
    assert "naswot on tiny has tau 0.70, before it had 0.60 [0.51, 0.68]" in said
    (folder / "naswot.notes.md").write_text("Ours looks at *more* activations.\n")
    (folder / "notes.md").write_text("A word on all of them.\n")
    results = read_results(folder)
    assert doubts(results) == []
    page = proxy_page(results, picture=True)
    assert page.index("A word on all of them.") < page.index("| tau |")
    assert page.index("Ours looks at *more* activations.") > page.index("\n### naswot\n")


def test_results_are_kept_in_few_digits_and_lines(folder):
    path = folder / "tiny.top1.40.json"
    before = path.read_text()
    assert '"tau_low": 0.576543,' in before
    assert before.count("\n") < 50
    again = folder.parent / "again"
    again.mkdir()
    (again / "top1.json").write_text(before)
    take_in(again, folder)
    assert path.read_text() == before


def test_dear_proxies_may_have_a_smaller_sample(folder, tmp_path):
    few = [entry("zico", 0.33, n=12), entry("naswot", -0.9, n=12)]
    (tmp_path / "run" / "top1.json").write_text(json.dumps(document(sample=12, proxies=few)))
    take_in(tmp_path / "run", folder)
    results = read_results(folder)
    (check,) = results.checks
    assert [e["proxy"] for e in check["proxies"]][-2:] == ["capacity", "zico"]
    page = proxy_page(results, picture=False)
    assert "0.33 [0.21, 0.43] (12) |" in page
    assert "-0.9" not in page


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"format": 1, "proxies": [{}]}', '{"format": 2}'])
def test_a_damaged_result_is_named(folder, text):
    (folder / "tiny.top5.json").write_text(text)
    with pytest.raises(InvalidData, match=r"tiny.top5.json"):
        read_results(folder)


def test_folders_without_results(folder, tmp_path):
    with pytest.raises(InvalidInput, match="holds no finished check"):
        take_in(tmp_path / "docs", folder)
    with pytest.raises(InvalidInput, match="name the folders"):
        read_results(tmp_path)
    (folder / "known.csv").write_text(KNOWN + "zico,tiny,top1,120,much,,,\n")
    with pytest.raises(InvalidData, match=r"known.csv:4"):
        read_results(folder)


def test_a_picture_has_the_same_bytes_again(folder):
    pytest.importorskip("matplotlib")
    for number in range(5):  # two rows of panels
        (folder / f"tiny.label{number}.json").write_text(json.dumps(document(label=f"label{number}")))
    results = read_results(folder)
    assert ranked_names(results) == ["naswot", "naswot+snip", "snip"]
    for name in ("a.png", "b.png"):
        write_plot(folder / name, results)
    assert (folder / "a.png").read_bytes() == (folder / "b.png").read_bytes()
    assert results.digest.encode() in (folder / "a.png").read_bytes()


def test_the_terminal_says_the_same(capsys):
    from rich.console import Console

    console = Console(width=100)
    console.print(check_tables(document()))
    said = capsys.readouterr().out
    assert "tiny, top1: 40 of 600 networks of truth.csv" in said
    assert "0.58 to 0.80" in said
    assert "on all 600 rows:" in said
    assert said.count("5M-6M") == 2
    assert "(200)" in said
    assert "snip failed on 40 of 40 networks: ValueError: none" in said
    assert "2 rows without a top1 are left out" in said
    assert "7 rows of other spaces are left out" in said
    assert "the median network's is 1.500" in said
