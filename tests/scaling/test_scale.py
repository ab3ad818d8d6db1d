"""Families as runs: files, budgets, resuming, workers."""

from __future__ import annotations

import json

import pytest
import yaml

from vitnas.arch.schema import read_architecture
from vitnas.cost.pricer import NetworkPricer
from vitnas.errors import InvalidInput, NothingFeasible, RunError
from vitnas.events import Silent
from vitnas.scaling import run_scale as job
from vitnas.scaling.relative_capacity import RelativeCapacity, resources_of
from vitnas.scaling.scale_config import ScaleConfig, parse_sizes
from vitnas.scoring import score
from vitnas.space.files import load_architecture

PROXY = '''
from vitnas.quality.proxies._base import Proxy


class Deep(Proxy):
    """Root of the parameters; fails where the stem gives 5 channels."""

    needs = "network"
    resolution_px = 32
    batch = 2

    def measure(self, network, images):
        if network.stem.conv2.conv.out_channels == 5:
            raise ValueError("five channels")
        return float(sum(p.numel() for p in network.parameters())) ** 0.5
'''
SEED = "tiny:known"  # 36.7 k parameters
SIZES = (45_000, 70_000)


@pytest.fixture
def proxies(folder):
    (folder / "proxies").mkdir()
    (folder / "proxies" / "deep.py").write_text(PROXY)
    return folder


def asvit(**changes):
    given = {"file": SEED, "rule": "asvit", "sizes": SIZES, "proxies": ("deep",), **changes}
    return ScaleConfig(**given)


def lines_of(result):
    return [json.loads(line) for line in (result.path / "steps.jsonl").read_text().splitlines()]


def test_a_grown_family_is_files_that_load(proxies):
    result = job.run_scale(asvit(), name="grown")
    members = result.document["members"]
    assert [m["size"] for m in members] == list(SIZES)
    assert members[0]["costs"]["params"] < members[1]["costs"]["params"]
    for member in members:
        network = read_architecture(result.path / member["file"])
        assert network.id == member["id"]
        assert network.name == member["name"]
        assert network.metadata["recipe"] == {"optimizer": "adamw"}
        assert network.metadata["provenance"]["rule"] == "asvit"
        assert score([str(result.path / member["file"])])[0]["params"] == member["costs"]["params"]
    assert [r["name"] for r in result.document["references"]] == ["tiny:known"]


def test_every_child_is_a_line_and_a_failure_has_its_reason(proxies):
    result = job.run_scale(asvit(), name="grown")
    lines = lines_of(result)
    scored = [line for line in lines if line["outcome"] == "scored"]
    failed = [line for line in scored if "deep" not in line["scores"]]
    assert failed and all("five channels" in line["failures"]["deep"] for line in failed)
    assert len({(line["step"], line["child"]) for line in scored}) == len(scored)
    survivors = [line["child"] for line in lines if line["outcome"] == "survived"]
    assert survivors == [row["id"] for row in result.document["steps"][1:]]


class Stops(Silent):
    """Interrupts when results have come in for the given time."""

    def __init__(self, after):
        self.left = after

    def count(self, done, total=None):
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


@pytest.mark.parametrize("after", [1, 2])
def test_an_interrupted_growth_ends_with_the_same_family(proxies, after):
    whole = job.run_scale(asvit(), root="whole", name="run")
    with pytest.raises(KeyboardInterrupt, match="load_run"):
        job.run_scale(asvit(), root="parts", name="run", listener=Stops(after))
    assert json.loads((proxies / "parts/run/manifest.json").read_text())["state"] == "interrupted"
    parts = job.resume_scale("parts/run")
    assert (parts.path / "family.json").read_bytes() == (whole.path / "family.json").read_bytes()
    done = [(line["step"], line["child"], line["outcome"]) for line in lines_of(parts)]
    assert len(done) == len(set(done)) == len(lines_of(whole))


def test_the_family_does_not_depend_on_the_number_of_workers(proxies):
    one = job.run_scale(asvit(sizes=(45_000,)), root="one", name="run")
    two = job.run_scale(asvit(sizes=(45_000,)), root="two", name="run", workers=2)
    assert (one.path / "family.json").read_bytes() == (two.path / "family.json").read_bytes()


def test_children_over_budget_are_dropped_with_the_bound(proxies):
    start = score([SEED])[0]["macs"]
    budgets = (("max-macs", str(int(1.5 * start))),)
    result = job.run_scale(asvit(budgets=budgets), name="tight")
    assert all(row["costs"]["macs"] <= 1.5 * start for row in result.document["steps"])
    reasons = {line["reason"] for line in lines_of(result) if line["outcome"] == "dropped"}
    assert any(reason.startswith("breaks macs <=") for reason in reasons)


def test_what_is_missed_is_said_and_the_rest_is_written(proxies):
    start = score([SEED])[0]["macs"]
    config = asvit(sizes=(38_000, 500_000), budgets=(("max-macs", str(int(1.3 * start))),))
    result = job.run_scale(config, name="ends")
    assert [m["size"] for m in result.document["members"]] == [38_000]
    assert "growth ended at" in result.missed["500k"]


def test_a_seed_over_budget_is_refused_before_anything_is_written(proxies):
    with pytest.raises(InvalidInput, match=r"breaks macs <= 1.00 K before it grows"):
        job.run_scale(asvit(budgets=(("max-macs", "1000"),)), name="no")
    assert not (proxies / "runs").exists()


def test_compound_keeps_the_resolution_where_a_device_knows_few(proxies, devices):
    config = ScaleConfig(SEED, "compound", (10_000, 60_000), target="phone", proxies=("deep",))
    result = job.run_scale(config, name="both")
    assert {m["resolution_px"] for m in result.document["members"]} == {64}
    assert "phone does not answer for 32 px" in result.document["notes"][0]
    assert all(m["costs"]["latency_ms"] > 0 and m["scores"]["deep"] for m in result.document["members"])


def test_contraction_by_capacity_and_a_device_s_own_limit(devices):
    settings = {"resolution_ratio": 1.0}
    large = job.run_scale(ScaleConfig(SEED, "compound", (60_000,), settings=settings), name="large")
    start = large.path / "family/60k.yaml"
    config = ScaleConfig(str(start), "contract", (15_000, 30_000), target="board")
    result = job.run_scale(config, name="small")
    members = result.document["members"]
    assert [m["size"] for m in members] == [15_000, 30_000]
    assert all(m["costs"]["params"] <= m["size"] for m in members)
    assert all(m["costs"]["peak_bytes"] <= 40_000 for m in members)
    assert result.document["limits"] == ["peak_bytes <= 39.1 KiB (limit of board)"]
    assert [r["name"] for r in result.document["references"]] == ["tiny:known"]  # by its provenance


def test_relative_capacity_punishes_what_has_shrunk_most():
    start = load_architecture("efficientformer:s0")
    from vitnas.cost.priced import Figures
    from vitnas.scaling.edits import widen, with_width

    capacity = RelativeCapacity.of(start, NetworkPricer(Figures()).price)
    assert set(capacity.weights) <= set(resources_of(start))
    assert capacity.score(start) == pytest.approx(-sum(capacity.weights.values()))
    assert capacity.score(widen(start, 1.2)) > capacity.score(start) > capacity.score(widen(start, 0.8))
    first, second = (with_width(start, 3, w) for w in (152, 128))
    gap = capacity.score(start) - capacity.score(first)
    assert capacity.score(first) - capacity.score(second) > gap


def test_nothing_that_can_be_scored_ends_the_run(proxies):
    (proxies / "proxies" / "deep.py").write_text(PROXY.replace("== 5", "> 0"))
    with pytest.raises(NothingFeasible, match=r"none of .* children has a score by deep"):
        job.run_scale(asvit(), name="failed")
    assert json.loads((proxies / "runs/failed/manifest.json").read_text())["state"] == "failed"


def test_a_run_that_changed_or_is_another_command_s_is_refused(proxies):
    result = job.run_scale(asvit(sizes=(45_000,)), name="grown")
    with pytest.raises(RunError, match="holds a run already"):
        job.run_scale(asvit(), name="grown")
    seed = yaml.safe_load((result.path / "seed.yaml").read_text())
    seed["classes"] = 11
    (result.path / "seed.yaml").write_text(yaml.safe_dump(seed))
    with pytest.raises(RunError, match=r"its seed.yaml is not the one"):
        job.resume_scale(result.path)
    manifest = json.loads((result.path / "manifest.json").read_text())
    (result.path / "manifest.json").write_text(json.dumps({**manifest, "format": 2}))
    with pytest.raises(RunError, match="a run of 'vitnas search'"):
        job.resume_scale(result.path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rule": "asvti"}, "did you mean 'asvit'"),
        ({"settings": {"shrink": 0.9}}, "`shrink` is a setting of `rule` contract"),
        ({"settings": {"proxy_width": 0.0}}, "`proxy_width`: expected above 0"),
        ({"sizes": ()}, "`to`: expected ascending sizes"),
        ({"seed": -1}, "`seed`"),
        ({"rule": "compound", "settings": {"depth_ratio": 1, "width_ratio": 1}}, "both 1"),
    ],
)
def test_wrong_settings(changes, said):
    with pytest.raises(InvalidInput, match=said):
        asvit(**changes)


def test_sizes_as_people_write_them():
    assert parse_sizes("5M, 12.5M,26M") == (5_000_000, 12_500_000, 26_000_000)
    for text in ("", "5M,,6M", "6M,5M", "5M,5M", "-1M", "5X"):
        with pytest.raises(InvalidInput, match="`to`"):
            parse_sizes(text)
