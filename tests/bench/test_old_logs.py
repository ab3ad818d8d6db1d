"""Logs that vitnas 0.1.0 wrote before its benches became one: every line is recalled, nothing is measured."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import vitnas
from vitnas.bench.networks import NetworkBench
from vitnas.bench.task import Draws
from vitnas.bench.trainings import TrainBench, Trainings
from vitnas.check.score_log import measure_scores
from vitnas.cost.table import CostTable
from vitnas.events import Silent
from vitnas.quality.data.dataset import load_dataset
from vitnas.quality.data.images import load_images
from vitnas.quality.proxy import ProxyQuality
from vitnas.scaling.run_scale import resume_scale, run_scale
from vitnas.scaling.scale_config import ScaleConfig
from vitnas.space.files import load_space
from vitnas.store.log import EvaluationLog, read_log
from vitnas.training.brief import BriefSettings
from vitnas.workers import Serial, WorkerSettings

LOGS = Path(__file__).parent / "logs"


class Refuses(Serial):
    """Workers that must not be asked."""

    def submit(self, function, item):
        pytest.fail("something is measured that the log knows")


@pytest.fixture
def old(folder):
    """A folder with the space, the proxy and the logs of then."""
    (folder / "proxies").mkdir()
    shutil.copy(LOGS / "deep.py", folder / "proxies")
    for log in LOGS.glob("*.jsonl"):
        shutil.copy(log, folder)
    return folder


def test_evaluations_of_a_search(old):
    table = CostTable.build(load_space("tiny"))
    genomes = table.space.sample(3, np.random.default_rng(7))
    pixels = np.arange(40 * 8 * 8 * 3).reshape(40, 8, 8, 3) % 251
    np.savez("real.npz", x=pixels)
    log = EvaluationLog("evaluations.jsonl")
    lines = read_log(log.path)
    gaussian = NetworkBench(table, Refuses(), log, seed=5)
    real = NetworkBench(table, Refuses(), log, seed=5, images=load_images("real.npz"))
    naswot, snip, deep = (ProxyQuality(name) for name in ("naswot", "snip", "deep"))
    assert gaussian.by([naswot, snip]).measure(genomes) == lines[:3]
    assert gaussian.by([naswot], health=True).measure(genomes[:1]) == lines[3:4]
    assert gaussian.by([], health=True).measure(genomes[:1]) == lines[4:5]
    assert real.by([naswot, deep]).measure(genomes[:2]) == lines[5:]
    assert gaussian.by([snip, naswot]).recall(genomes) == lines[:3]
    fresh = NetworkBench(table, Serial(), EvaluationLog("new.jsonl"), seed=5)
    fresh.by([snip, naswot]).measure(genomes)
    for before, now in zip(lines, read_log("new.jsonl"), strict=False):
        assert list(before) == list(now) and {**before, "seconds": 0} == {**now, "seconds": 0}


def test_steps_of_a_family(old):
    config = ScaleConfig("tiny:known", "asvit", (45_000,), proxies=("deep",))
    whole = run_scale(config, name="whole")
    steps = Path("steps.jsonl").read_bytes()
    written = [json.loads(line) for line in (whole.path / "steps.jsonl").read_text().splitlines()]
    for before, now in zip(read_log("steps.jsonl"), written, strict=True):
        assert list(before) == list(now) and {**before, "seconds": 0} == {**now, "seconds": 0}

    class Stops(Silent):
        def count(self, done, total=None):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_scale(config, name="again", listener=Stops())
    Path("runs/again/steps.jsonl").write_bytes(steps)
    proxy = Path("proxies/deep.py")
    proxy.write_text(proxy.read_text().replace("== 5", "> 0"))
    again = resume_scale("runs/again")
    assert (again.path / "family.json").read_bytes() == (whole.path / "family.json").read_bytes()
    assert (again.path / "steps.jsonl").read_bytes() == steps


def test_scores_of_a_check(old):
    rng = np.random.default_rng(0)
    genomes = np.unique(load_space("tiny").sample(40, rng), axis=0)[:12]
    text = Path("scores.jsonl").read_text().replace("'0.1.0'", f"'{vitnas.__version__}'")
    Path("scores.jsonl").write_text(text)
    found = measure_scores(
        load_space("tiny"), genomes, ["deep"], Draws(), folder=old, workers=Refuses(), listener=Silent()
    )
    assert [row["deep"] for row in found] == [
        json.loads(line)["proxies"]["deep"] for line in text.splitlines()
    ]
    (old / "new").mkdir()
    measure_scores(
        load_space("tiny"),
        genomes,
        ["deep"],
        Draws(),
        folder=old / "new",
        workers=Serial(),
        listener=Silent(),
    )
    now = read_log(old / "new/scores.jsonl")
    for before, after in zip(read_log("scores.jsonl"), now, strict=True):
        before["proxies"]["deep"]["seconds"] = after["proxies"]["deep"]["seconds"] = 0
        assert json.dumps(before) == json.dumps(after)


def test_trainings(old):
    space = load_space("tiny")
    pixels = (np.arange(40 * 64 * 64 * 3) % 251).reshape(40, 64, 64, 3).astype(np.uint8)
    np.savez("data.npz", x_train=pixels, y_train=np.arange(40) % 10)
    log = EvaluationLog("trainings.jsonl")
    engine = Trainings(
        log,
        space,
        load_dataset("data.npz"),
        BriefSettings(epochs=2, batch=16, learning_rate=0.01, seed=0, device="cpu", threads=1),
        early_stop=True,
        folder=old / "none",
        shares=WorkerSettings(1),
        listener=Silent(),
        pool=Refuses(),
    )
    bench = TrainBench(CostTable.build(space), engine)
    assert bench.measure(space.sample(3, np.random.default_rng(7))) == read_log(log.path)
    assert not (old / "none").exists()
