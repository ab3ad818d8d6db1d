"""Proxies against a table: what is compared, what is left out, and going on after a stop."""

from __future__ import annotations

import csv
import json
import math

import numpy as np
import pytest
from scipy import stats

from vitnas.bench.task import Draws
from vitnas.check.bands import band_name, even_bands, read_bands
from vitnas.check.run_check import check_proxies
from vitnas.check.score_log import FILE
from vitnas.check.truth import CheckSettings
from vitnas.errors import InvalidData, InvalidInput, RunLocked, UnknownName
from vitnas.events import Silent
from vitnas.quality.measure import measure
from vitnas.space.files import load_space
from vitnas.store.lock import RunLock

PROXY = '''
from torch import nn

from vitnas.quality.proxies import Proxy


class {name}(Proxy):
    """A proxy of the tests."""

    higher_is_better = {higher}

    def attach(self, network):
        self.count = sum(p.numel() for p in network.parameters())
        return []

    def score(self, gradients):
        {body}
'''


@pytest.fixture
def truth(folder):
    """A table of 20 networks of the space ``tiny``, two of them without the label ``top1``; three proxies."""
    space = load_space("tiny")
    genomes = np.unique(space.sample(40, np.random.default_rng(0)), axis=0)[::2]
    rng = np.random.default_rng(1)
    with open("truth.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("id", "genome", "top1", "top5"))
        for k, genome in enumerate(genomes):
            top1 = f"{70 + genome.sum() / 10 + rng.normal():.2f}" if k not in (3, 7) else ""
            writer.writerow((f"n{k}", genome.tobytes().hex(), top1, 90 + k % 5))
    (folder / "proxies").mkdir()
    small = 'if self.count < 40000: raise ValueError("too small")\n        return self.count'
    for name, higher, body in (("weights", True, "return self.count"), ("fewer", False, "return self.count"),
                               ("picky", True, small)):  # fmt: skip
        text = PROXY.format(name=name.capitalize(), higher=higher, body=body)
        (folder / "proxies" / f"{name}.py").write_text(text)
    return folder / "truth.csv"


def settings(truth, *proxies, **changes):
    return CheckSettings("tiny", truth, proxies or ("weights", "fewer"), **changes)


def by_name(document):
    return {entry["proxy"]: entry for entry in document["proxies"]}


def without_seconds(data):
    if isinstance(data, dict):
        return {
            k: without_seconds(v) for k, v in data.items() if k not in ("seconds_per_architecture", "workers")
        }
    if isinstance(data, list):
        return [without_seconds(item) for item in data]
    return None if isinstance(data, float) and math.isnan(data) else data


def test_entries_are_what_scipy_says(truth):
    document = check_proxies(settings(truth))
    entries = by_name(document)
    assert list(entries) == ["weights", "fewer", "params", "macs", "depth", "widths", "capacity"]
    assert list(entries["weights"])[:9] == [
        *("proxy", "space", "n", "tau", "tau_low", "tau_high", "spearman", "regret"),
        "seconds_per_architecture",
    ]
    with truth.open() as file:
        rows = [row for row in csv.DictReader(file) if row["top1"]]
    space = load_space("tiny")
    networks = [space.decode(np.frombuffer(bytes.fromhex(row["genome"]), np.uint8)) for row in rows]
    counts = [measure(network, ["weights"]).scores["weights"] for network in networks]
    labels = [float(row["top1"]) for row in rows]
    tau = stats.kendalltau(counts, labels).statistic
    assert entries["weights"]["tau"] == pytest.approx(tau)
    assert entries["fewer"]["tau"] == pytest.approx(-tau), "lower is better"
    assert entries["params"]["tau"] == pytest.approx(tau)
    assert entries["weights"]["tau_low"] < tau < entries["weights"]["tau_high"]
    assert entries["weights"]["regret"] == pytest.approx(max(labels) - labels[int(np.argmax(counts))])
    assert {e["kind"] for e in entries.values()} == {"proxy", "baseline", "quality"}
    assert (document["rows"], document["labelled"], document["unlabelled"]) == (20, 18, 2)
    assert json.loads((truth.parent / "runs/proxies-tiny/top1.json").read_text()) == without_nan(document)


def without_nan(data):
    return json.loads(json.dumps(data), parse_constant=lambda name: None)


def test_a_proxy_that_fails_on_some_is_recorded_and_the_rest_goes_on(truth):
    entries = by_name(check_proxies(settings(truth, "picky", "weights", "picky+weights")))
    failed = entries["picky"]["failures"]
    assert 0 < failed <= 8
    assert entries["picky"]["n"] == 18 - failed
    assert "ValueError: too small" in entries["picky"]["failure"]
    assert entries["picky+weights"]["n"] == 18 - failed
    assert entries["weights"]["n"] == 18


def test_a_network_that_no_worker_can_measure_is_tried_again(truth, monkeypatch):
    monkeypatch.setattr("vitnas.quality.measure.measure", lambda *_, **__: 1 / 0)
    broken = by_name(check_proxies(settings(truth)))["weights"]
    assert (broken["n"], broken["failures"]) == (0, 18)
    assert "ZeroDivisionError" in broken["failure"]
    monkeypatch.undo()
    monkeypatch.chdir(truth.parent)
    assert by_name(check_proxies(settings(truth)))["weights"]["n"] == 18


def test_sums_of_scores(truth):
    entries = by_name(check_proxies(settings(truth, "weights+params", "weights+fewer", combine="standard")))
    assert entries["weights+params"]["tau"] == pytest.approx(entries["params"]["tau"])
    assert entries["weights+fewer"]["n"] == 18
    ranks = by_name(check_proxies(settings(truth, "weights+depth", combine="log-rank")))
    assert ranks["weights+depth"]["tau"] != entries["weights+params"]["tau"]


class StopsAt(Silent):
    """Interrupts when so many are measured; ``begun`` has how many there were, and were left."""

    def __init__(self, stop=10**9):
        self.stop = stop
        self.begun = []
        self.done = 0

    def stage(self, name, detail=""):
        self.done = -1

    def count(self, done, total=None):
        if self.done < 0:
            self.begun.append((total, total - done))
        self.done = done
        if done >= self.stop:
            raise KeyboardInterrupt


def test_a_stopped_check_goes_on_to_the_same_result(truth, tmp_path):
    whole = check_proxies(settings(truth, "weights", "naswot", limit=12), out=tmp_path / "whole")
    other = tmp_path / "other"
    stopped = StopsAt(5)
    with pytest.raises(KeyboardInterrupt, match=r"of 12 networks .* the same command goes on") as raised:
        check_proxies(settings(truth, "weights", "naswot", limit=12), out=other, listener=stopped)
    assert f"interrupted: {stopped.done} of 12" in str(raised.value) and 5 <= stopped.done < 12
    log = other / FILE
    log.write_bytes(log.read_bytes()[:-40])  # killed while it wrote
    listener = StopsAt()
    with pytest.warns(UserWarning, match="was not written completely"):
        again = check_proxies(settings(truth, "weights", "naswot", limit=12), out=other, listener=listener)
    assert listener.begun == [(12, 12 - stopped.done + 1)]
    assert without_seconds(again) == without_seconds(whole)
    check_proxies(settings(truth, "weights", "naswot", limit=12), out=other, listener=listener)
    assert listener.begun[-1] == (12, 0)


def test_workers_change_nothing(truth, tmp_path):
    asked = settings(truth, "weights", "token_entropy", limit=10)
    one = check_proxies(asked, out=tmp_path / "one")
    two = check_proxies(asked, out=tmp_path / "two", workers=2)
    assert without_seconds(one) == without_seconds(two)


def test_what_changes_a_score_is_measured_again(truth):
    listener = StopsAt()
    check_proxies(settings(truth, "weights", limit=10), listener=listener)
    check_proxies(settings(truth, "weights", limit=10, label="top5"), listener=listener)
    (truth.parent / "proxies" / "fewer.py").write_text(
        "# another\n" + (truth.parent / "proxies/fewer.py").read_text()
    )
    check_proxies(settings(truth, "weights", "fewer", limit=10), listener=listener)
    (truth.parent / "proxies/weights.py").write_text(
        "# another\n" + (truth.parent / "proxies/weights.py").read_text()
    )
    check_proxies(settings(truth, "weights", limit=10), listener=listener)
    check_proxies(settings(truth, "weights", limit=10, draws=Draws(resolution_px=96)), listener=listener)
    left = [left for _, left in listener.begun]
    assert left[0] == 10
    assert left[2:] == [10, 10, 10], "another proxy, an edited proxy, another resolution"
    assert left[1] < 10, "a label changes no score; the sample follows the rows that have it"


def test_bands_and_samples(truth):
    document = check_proxies(settings(truth, "weights", bands="1k-20k,20k-1M"))
    parts = by_name(document)["weights"]["parts"]
    assert [part["band"] for part in parts] == ["1k-20k", "20k-1M"]
    assert sum(part["n"] for part in parts) == 18
    sampled = by_name(check_proxies(settings(truth, "weights", limit=15)))
    assert sampled["weights"]["n"] == sampled["params"]["n"] == 15
    assert sampled["params"]["all_rows"]["n"] == 18


def test_even_bands_hold_all_rows():
    params = np.random.default_rng(0).uniform(5.1234e6, 9.87e6, 300)
    bands = even_bands(params, 80)
    assert len(bands) == 4
    inside = [(params >= low) & (params < high) for low, high in bands]
    assert np.sum(inside, axis=0).tolist() == [1] * 300
    assert all(60 <= mask.sum() <= 90 for mask in inside)
    assert even_bands(params, 39) == []
    assert even_bands(np.full(300, 5e6), 80) == []
    assert band_name(15e6, 19.25e6) == "15M-19.25M"
    assert read_bands("15M-19M, 900k-1M") == [(15e6, 19e6), (9e5, 1e6)]


@pytest.mark.parametrize("text", ["15M", "19M-15M", "a-b", ",", "1M-2M-3M", "0-15M"])
def test_bands_that_are_none(text):
    with pytest.raises(InvalidInput, match="`bands`"):
        read_bands(text)


def test_wrong_settings(truth, tmp_path):
    def refused(error, match, **changes):
        proxies = changes.pop("proxies", ("weights",))
        with pytest.raises(error, match=match):
            check_proxies(settings(truth, *proxies, **changes), out=tmp_path / "none")

    refused(UnknownName, "did you mean 'naswot'", proxies=("nawsot",))
    refused(InvalidInput, "names a score twice", proxies=("weights+weights",))
    refused(UnknownName, "did you mean 'top1'", label="top-1")
    refused(UnknownName, "did you mean 'log-rank'", combine="logrank")
    refused(InvalidInput, "`limit` 5", limit=5)
    assert not (tmp_path / "none").exists()
    short = truth.with_name("short.csv")
    short.write_text("\n".join(truth.read_text().splitlines()[:10]))
    with pytest.raises(InvalidData, match=r"short.csv: 7 rows of space 'tiny' have a 'top1'"):
        check_proxies(settings(short))


def test_images_of_a_wrong_shape_stop_the_check_before_any_network(truth, tmp_path):
    np.savez(tmp_path / "grey.npz", x=np.zeros((40, 8, 8, 1), np.uint8))
    with pytest.raises(InvalidInput, match="1 channels, the network takes 3"):
        check_proxies(settings(truth, draws=Draws(images=str(tmp_path / "grey.npz"))))
    np.savez(tmp_path / "flat.npz", x=np.zeros((40, 8, 8), np.uint8))
    with pytest.raises(InvalidData, match="expected"):
        check_proxies(settings(truth, draws=Draws(images=str(tmp_path / "flat.npz"))))


def test_one_writer_a_folder(truth, tmp_path):
    with RunLock(tmp_path), pytest.raises(RunLocked, match="another `out`"):
        check_proxies(settings(truth), out=tmp_path)
