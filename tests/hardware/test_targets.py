"""Runs for several devices, for throughput, for a device's limits, at a batch and a resolution."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from vitnas.arch.schema import read_architecture
from vitnas.errors import InvalidInput, NothingFeasible, RunError, UnknownName
from vitnas.run import search as searches
from vitnas.run.dry_run import dry_run
from vitnas.run.prepare import RatingSettings
from vitnas.scoring import score
from vitnas.searching.config import SearchConfig

FEW = RatingSettings(reference_networks=2, shown=("naswot",), batch=256)
run_search, resume_search = (
    partial(begin, rating=FEW) for begin in (searches.run_search, searches.resume_search)
)


def search(target, **changes):
    config = SearchConfig("tiny", target, trials=400, front=3, **changes)
    return run_search(config, name="run")


def front(folder="runs/run"):
    return (Path(folder) / "front.json").read_bytes() + (Path(folder) / "whole_front.json").read_bytes()


def test_one_search_for_a_phone_and_a_laptop(devices):
    result = search("phone,laptop", budgets=(("max-latency", "phone=1ms,laptop=100ms"),))
    assert result.objectives == ("quality", "latency@phone", "latency@laptop")
    assert [t.cost for t in result.targets] == ["latency_ms@phone", "latency_ms@laptop"]
    for member in result.front:
        assert member.costs["latency_ms@phone"] <= 1.0
        assert "latency_ms" not in member.costs
        assert list(member.coverage) == ["laptop"]
    (row,) = score([str(result.path / result.front[0].file)], target="phone,laptop")
    assert row["latency_ms@laptop"] == pytest.approx(result.front[0].costs["latency_ms@laptop"])
    shares = {m.coverage["laptop"].measured for m in (*result.front, *result.references)}
    assert row["targets"][1]["coverage"]["measured"] == pytest.approx(
        result.front[0].coverage["laptop"].measured
    )
    assert min(shares) < 1


def test_the_file_of_a_network_says_how_much_was_measured(devices):
    result = search("laptop")
    partly = next(m for m in result.front if m.coverage["laptop"].measured < 1)
    document = read_architecture(result.path / partly.file).metadata
    assert "laptop-v1 (measured, ±10 %); " in document["description"]
    assert f"{partly.coverage['laptop']}" in document["description"]
    assert "% of it measured" in document["description"]
    assert document["metrics"]["coverage"]["laptop"]["measured"] == pytest.approx(
        partly.coverage["laptop"].measured
    )
    member = json.loads((result.path / "front.json").read_text())["members"][0]
    assert set(member["coverage"]) == {"laptop"}


def test_the_front_of_a_fitted_device_has_no_coverage(devices):
    result = search("phone")
    document = json.loads((result.path / "front.json").read_text())
    assert list(document) == [
        *("space", "device", "objectives", "budgets", "quality", "notes", "trials", "hypervolume"),
        *("random_hypervolume", "box", "history", "members", "whole_front"),
    ]
    assert list(document["members"][0]) == [
        *("name", "id", "genome", "costs", "quality", "depth", "file", "scores", "health", "feasible"),
        *("out_of_domain", "facts"),
    ]
    assert document["device"] == "phone-v1 (fitted, not measured, ±10 %)"
    assert document["objectives"] == ["quality", "latency", "params"]
    assert set(document["members"][0]["costs"]) == {
        *("params", "macs", "activations", "latency_ms", "peak_bytes"),
    }


def test_a_run_resumes_from_its_own_copies(devices):
    search("phone,laptop")
    before = front()
    kept = sorted(p.name for p in Path("runs/run/devices").iterdir())
    assert kept == ["laptop.csv", "laptop.yaml", "phone.yaml"]
    for file in Path("hardware_profiles").iterdir():
        file.unlink()
    resume_search("runs/run")
    assert front() == before


@pytest.mark.parametrize("file", ["laptop.csv", "laptop.yaml", "board.yaml"])
def test_a_changed_copy_is_refused(devices, file):
    search("laptop,board")
    copy = Path("runs/run/devices") / file
    old, new = {
        "laptop.csv": (",0.01,", ",0.02,"),
        "laptop.yaml": ("scale: 1.1", "scale: 1.2"),
        "board.yaml": ("40000", "50000"),
    }[file]
    text = copy.read_text()
    assert old in text
    copy.write_text(text.replace(old, new, 1))
    with pytest.raises(RunError, match=f"devices/{file.split('.')[0]}.yaml is not the one"):
        resume_search("runs/run")


def test_a_run_of_an_older_layout_is_not_misread(devices):
    search("phone")
    file = Path("runs/run/manifest.json")
    manifest = json.loads(file.read_text())
    file.write_text(json.dumps({**manifest, "format": manifest["format"] - 1}))
    with pytest.raises(RunError, match="in an older layout"):
        resume_search("runs/run")


def test_throughput_is_maximised(devices):
    result = search("gpu", budgets=(("min-throughput", "850"),))
    assert result.objectives == ("quality", "throughput", "params")
    rates = [m.costs["throughput_per_s"] for m in result.front]
    assert rates == sorted(rates, reverse=True)
    assert min(rates) >= 850
    values = json.loads((result.path / "whole_front.json").read_text())["values"]
    assert max(row[1] for row in values) == pytest.approx(max(rates))
    assert min(row[1] for row in values) > 0


def test_a_boards_own_limit_is_a_budget(devices):
    result = search("board")
    assert result.objectives == ("quality", "macs", "params")
    assert result.limits == ("peak_bytes <= 39.1 KiB (limit of board)",)
    assert all(m.costs["peak_bytes"] <= 40_000 for m in result.front)
    assert all(m.costs["latency_ms"] is None for m in result.front)
    document = json.loads((result.path / "front.json").read_text())
    assert document["limits"] == list(result.limits)


def test_the_limit_is_named_in_the_dry_run_and_gives_way_to_an_option(devices):
    found = dry_run(SearchConfig("tiny", "board"))
    assert "peak_bytes <= 39.1 KiB (limit of board)" in found.budgets
    assert found.objectives == ("quality", "macs", "params")
    own = dry_run(SearchConfig("tiny", "board", budgets=(("max-activation-memory", "1MB"),)))
    assert list(own.budgets) == ["peak_bytes <= 976.6 KiB", "all"]
    with pytest.raises(NothingFeasible, match=r"limit of board.*`max_activation_memory` sets another limit"):
        dry_run(SearchConfig("tiny", "board", batch=64))


def test_score_says_which_limit_is_exceeded(devices):
    fine, large = (score(["tiny:known"], target="board", batch=n)[0] for n in (1, 64))
    assert fine["exceeds"] == []
    assert large["exceeds"] == ["peak_bytes <= 39.1 KiB (limit of board)"]
    assert large["peak_bytes"] == 64 * fine["peak_bytes"]


def test_a_search_at_another_resolution_finds_networks_for_it(devices):
    result = search("phone", resolution_px=96)
    found = read_architecture(result.path / result.front[0].file)
    assert found.resolution_px == 96
    assert found.metadata["provenance"]["resolution_px"] == 96
    assert "top1" not in result.references[0].facts
    small, large = (score(["tiny:known"], target="phone", resolution_px=n)[0] for n in (64, 96))
    assert large["macs"] > 1.5 * small["macs"]
    before = front()
    resume_search("runs/run")
    assert front() == before


@pytest.mark.parametrize(
    ("target", "changes", "error", "said"),
    [
        ("phone,phone", {}, InvalidInput, "`target`: 'phone' stands twice"),
        ("phone,hardware_profiles/phone.yaml", {}, InvalidInput, "'phone' stands twice"),
        ("phone,lapptop", {}, UnknownName, "did you mean 'laptop'?"),
        ("phone,", {}, InvalidInput, "a name is missing"),
        ("phone", {"batch": 8}, InvalidInput, "phone holds latency at batch 1, not 8"),
        ("phone,gpu", {"batch": 1}, InvalidInput, "gpu holds throughput at batch 256, not 1"),
        ("laptop", {"resolution_px": 96}, InvalidInput, "laptop holds latency at 64 px, not 96 px"),
        (None, {"resolution_px": 50}, InvalidInput, "`resolution_px` 50: "),
        ("gpu", {"budgets": (("max-latency", "1ms"),)}, InvalidInput, "gpu holds throughput, not latency"),
        ("board", {"objectives": ("latency",)}, InvalidInput, "board holds limits only"),
    ],
)
def test_what_cannot_be_answered_is_refused(devices, target, changes, error, said):
    with pytest.raises(error) as caught:
        dry_run(SearchConfig("tiny", target, **changes))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_spaces_own_resolution_must_be_answerable_too(devices):
    text = Path("search_spaces/tiny.yaml").read_text()
    Path("search_spaces/tiny.yaml").write_text(text.replace("resolution_px: 64", "resolution_px: 128"))
    with pytest.raises(InvalidInput, match="laptop holds latency at 64 px, not 128 px"):
        dry_run(SearchConfig("tiny", "laptop"))


@pytest.mark.parametrize(("resolution_px", "shown"), [(128, "128 px"), ((64, 96), "64x96 px")])
def test_a_fit_guesses_at_resolutions_that_it_has_not_seen(devices, resolution_px, shown):
    result = search("phone", resolution_px=resolution_px)
    why = f"its rows are of squares of 64 to 96 px, not of {shown}"
    assert all(why in member.out_of_domain for member in result.front)
    (row,) = score(["tiny:known"], target="phone", resolution_px=resolution_px)
    assert row["out_of_domain"] == [why] and row["latency_ms"] > 0
    assert "out_of_domain" not in score(["tiny:known"], target="phone", resolution_px=96)[0]


def test_two_tables_of_one_name_are_refused(devices):
    other = Path("other")
    other.mkdir()
    for name, copy in (("laptop.yaml", "desktop.yaml"), ("laptop.csv", "laptop.csv")):
        (other / copy).write_text((Path("hardware_profiles") / name).read_text())
    with pytest.raises(InvalidInput, match=r"its table needs a name of its own beside it, not 'laptop.csv'"):
        search("laptop,other/desktop.yaml")
    assert not Path("runs/run").exists()
