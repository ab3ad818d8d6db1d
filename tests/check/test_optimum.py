"""What a quality's optimum looks like: bounds and published networks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import vitnas
from vitnas.check.optimum import LEAST_SHARE, BoundShare, check_optimum
from vitnas.errors import InvalidInput, RunError

WIDEST = '''
from vitnas.quality import Quality


class Widest(Quality):
    """Wants the first gene at its upper bound, and nothing of the third."""

    @classmethod
    def fit(cls, context):
        return cls()

    def score(self, genomes):
        return genomes[:, 1].astype(float) * 10 + genomes[:, 0] - 0.01 * genomes[:, 2]
'''


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("optimum")


@pytest.fixture(scope="module")
def default(folder: Path) -> Path:
    run = vitnas.search(
        "efficientformer", target="iphone12", trials=60_000, front=1, out=folder / "runs", progress=False
    )
    return Path(run.path)


@pytest.mark.slow
def test_the_default_quality_has_no_absurd_optimum(default: Path) -> None:
    """Expansions and depths, which an earlier form had at bounds up to five times as often as chance."""
    found = check_optimum(default)
    assert (found.quality, found.cost) == ("capacity", "latency_ms")
    blocks = [b for b in found.bounds if not b.genes.endswith("width")]
    assert max(b.ratio for b in blocks) < 2.2
    points = {gap.name: gap.points for gap in found.published}
    assert set(points) == {"s0", "s1", "s2", "l"}
    assert points["s0"] is not None and points["s0"] <= 0.2
    assert all(p is not None and p <= 0.1 for p in points.values() if p != points["s0"])


def test_a_formula_that_wants_a_bound_is_found_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (folder / "qualities").mkdir(exist_ok=True)
    (folder / "qualities" / "widest.py").write_text(WIDEST)
    run = vitnas.search(
        "efficientformer_v1", quality="widest", objectives=["quality", "macs", "params"],
        trials=8_000, front=1, progress=False,
    )  # fmt: skip
    found = check_optimum(run.path)
    worst = found.bounds[0]
    assert worst.side == "highest" and worst.is_suspect
    assert found.to_dict()["bounds"][0]["ratio"] == pytest.approx(
        worst.front / max(worst.random, LEAST_SHARE)
    )


def test_the_ratio_of_rare_choices_stays_finite() -> None:
    assert BoundShare("g", "1", "lowest", 0.02, 0.0).ratio == pytest.approx(1.0)
    assert not BoundShare("g", "1", "lowest", 0.15, 0.1).is_suspect
    assert np.isfinite(BoundShare("g", "1", "lowest", 0.5, 0.0).ratio)


def test_what_is_no_search_is_refused(folder: Path) -> None:
    with pytest.raises(RunError):
        check_optimum(folder / "nothing")


def test_a_front_of_few_networks_is_refused(folder: Path) -> None:
    run = vitnas.search(
        "tiny32", trials=20, front=1, objectives=["quality"], out=folder / "few", progress=False
    )
    with pytest.raises(InvalidInput, match="nothing to check"):
        check_optimum(run.path)
