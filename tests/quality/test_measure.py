from __future__ import annotations

import dataclasses
import json
import math

import pytest
import torch

from vitnas.errors import InvalidArchitecture, PluginError, UnknownName
from vitnas.quality.fallback import log_capacity
from vitnas.quality.measure import Setting, measure
from vitnas.quality.proxy import load_proxy
from vitnas.quality.reference import ReferenceSample

PROXY = '''
from vitnas.quality.proxies import Proxy


class {name}(Proxy):
    """A user's own proxy."""

    higher_is_better = False

    def score(self, gradients):
        {body}
'''


@pytest.fixture(scope="module")
def s0(request):
    from vitnas.space.files import load_architecture

    return load_architecture("efficientformer:s0")


def test_seeds_decide_and_repeats_average(s0):
    both = measure(s0, ["token_entropy", "naswot"], seed=3, repeats=2)
    single = [measure(s0, ["token_entropy", "naswot"], seed=seed) for seed in (3, 4)]
    for name, value in both.scores.items():
        values = [m.scores[name] for m in single]
        assert value == pytest.approx(sum(values) / 2, rel=1e-6)
        assert both.spreads[name] == pytest.approx(abs(values[0] - values[1]) / 2, rel=1e-3)
    assert single[0].spreads == {"token_entropy": 0, "naswot": 0}
    assert both.settings == dict.fromkeys(both.scores, Setting(resolution_px=64, batch=8, repeats=2))
    assert (both.seed, both.notes) == (3, ())
    assert json.loads(json.dumps(both.to_dict(), allow_nan=False))["scores"] == both.scores


def test_the_callers_random_state_is_left_alone(s0):
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    measure(s0, ["naswot"], batch=2)
    assert torch.equal(torch.rand(3), expected)


def test_a_resolution_that_an_operator_refuses_grows(s0):
    measured = measure(s0, ["naswot"], resolution_px=50, batch=2)
    assert measured.settings["naswot"].resolution_px == 64
    assert "64 px instead of 50 px" in measured.notes[0]


def test_a_network_that_fits_no_resolution(s0):
    narrow = dataclasses.replace(s0, stages=(dataclasses.replace(s0.stages[0], width=31), *s0.stages[1:]))
    odd = dataclasses.replace(narrow, stem=dataclasses.replace(s0.stem, args={"activation": "tanh"}))
    with pytest.raises(InvalidArchitecture):
        measure(odd, ["naswot"])


def test_a_users_own_proxy(s0, tmp_path, monkeypatch):
    folder = tmp_path / "proxies"
    folder.mkdir()
    (folder / "mine.py").write_text(PROXY.format(name="Mine", body="return 2.5"))
    (folder / "broken.py").write_text(PROXY.format(name="Broken", body="return 1 / 0"))
    (folder / "infinite.py").write_text(PROXY.format(name="Infinite", body='return float("inf")'))
    (folder / "stranger.py").write_text("class Stranger:\n    pass\n")
    monkeypatch.chdir(tmp_path)
    measured = measure(s0, ["mine", "broken", "infinite"], batch=2)
    assert measured.scores == {"mine": 2.5}
    assert not load_proxy("mine").higher_is_better
    assert measured.failures["broken"] == "ZeroDivisionError: division by zero (./proxies/broken.py:11)"
    assert measured.failures["infinite"] == "the score is inf"
    with pytest.raises(PluginError, match=r"must derive from vitnas\.quality\.proxies\.Proxy"):
        load_proxy("stranger")
    (folder / "idle.py").write_text(
        "from vitnas.quality.proxies import Proxy\nclass Idle(Proxy):\n    needs = 'network'\n"
    )
    with pytest.raises(PluginError, match="must have the method 'measure'"):
        load_proxy("idle")
    with pytest.raises(UnknownName, match="did you mean 'naswot'"):
        load_proxy("naswott")


def test_reference_sample():
    sample = ReferenceSample.fit({"naswot": [3.0, 1.0, 2.0, float("nan")], "flat": [5.0, 5.0]})
    assert sample.standardise("naswot", 2.0) == 0
    assert sample.standardise("naswot", 3.0) == pytest.approx(math.sqrt(1.5))
    assert sample.standardise("flat", 7.0) == 0
    assert math.isnan(sample.standardise("naswot", float("inf")))
    assert [sample.rank("naswot", x) for x in (0.0, 1.0, 1.5, 3.0, 9.0)] == pytest.approx(
        [0, 1 / 6, 1 / 3, 5 / 6, 1]
    )
    again = ReferenceSample.from_state(json.loads(json.dumps(sample.state())))
    assert again.state() == sample.state()
    assert again.standardise("naswot", 2.7) == sample.standardise("naswot", 2.7)


@pytest.mark.parametrize("state", [{}, {"format": 9, "scores": {}}, {"format": 1, "scores": {"a": ["x"]}}])
def test_a_damaged_reference_sample(state):
    from vitnas.errors import InvalidData

    with pytest.raises(InvalidData):
        ReferenceSample.from_state(state)


def test_a_proxy_that_failed_on_the_whole_sample():
    from vitnas.errors import InvalidData

    with pytest.raises(InvalidData, match="'naswot' has no finite score"):
        ReferenceSample.fit({"naswot": [float("nan")]})


def test_capacity_without_a_pool(v1, v2):
    for (space, _), order in ((v2, ["s0", "s1", "s2", "l"]), (v1, ["l1", "l3", "l7"])):
        scores = [log_capacity(space.references[name].architecture) for name in order]
        assert scores == sorted(scores)


def test_capacity_without_a_pool_is_its_formula(plain_vit):
    import numpy as np

    space, _ = plain_vit(width=192, repeat=2, mlp_ratio={"choice": [3, 4]}, heads={"choice": [2, 3]})
    values = {"stages.0.blocks.0.mlp_ratio": [3, 4], "stages.0.blocks.0.heads": [2, 3]}
    architecture = space.decode(space.genome_of(values))
    expected = (
        1.5 * np.log(2)
        + np.log(192)
        + 2 / 3 * np.log(((3**0.5 + 4**0.5) / 2) ** 2)
        + 1 / 3 * np.log(64 * 2.5)
    )
    assert log_capacity(architecture) == pytest.approx(expected)
