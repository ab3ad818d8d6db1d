"""The law of expected accuracy: names, model, checks, quality and command."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

import vitnas
from vitnas.cost.table import CostTable
from vitnas.errors import InvalidData, UnknownName
from vitnas.law.check import check_left_out, check_unseen
from vitnas.law.expectation import relatives_of
from vitnas.law.model import Inputs, Law, Relatives, Spreads, errors_of, fit_spreads, shipped_law
from vitnas.law.published import family_of, pretraining_of, read_published, recipe_of
from vitnas.qualities.expected_top1 import ExpectedTop1
from vitnas.quality.base import FitContext
from vitnas.space.files import load_space

Run = Callable[..., tuple[int, str, str]]
SPREADS = Spreads(0.06, 0.03, 0.06, 0.02, 0.03, 0.12)


@pytest.mark.parametrize(
    ("name", "family", "recipe", "pretraining"),
    [
        ("efficientformerv2_s0.snap_dist_in1k", "efficientformerv2", "snap_dist_in1k", ""),
        ("efficientvit_m3.r224_in1k", "efficientvit_m", "in1k", ""),
        ("vit_relpos_base_patch16_224.sw_in1k", "vit_relpos", "sw_in1k", ""),
        ("vit_small_r26_s32_384.augreg_in21k_ft_in1k", "vit_hybrid", "augreg_in21k_ft_in1k", "in21k"),
        ("levit_conv_128.fb_dist_in1k", "levit", "fb_dist_in1k", ""),
        ("deit_tiny_distilled_patch16_224.fb_in1k", "deit", "fb_in1k+dist", ""),
        ("beit_base_patch16_384.in22k_ft_in22k_in1k_384", "beit", "in22k_ft_in22k_in1k", "in21k"),
        ("xcit_tiny_24_p8_384.fb_dist_in1k", "xcit_p8", "fb_dist_in1k", ""),
        ("vit_large_patch14_clip_336.laion2b_ft_in12k_in1k", "vit", "laion2b_ft_in12k_in1k", "web"),
    ],
)
def test_what_names_say(name: str, family: str, recipe: str, pretraining: str) -> None:
    arch, _, tag = name.partition(".")
    assert (family_of(arch), recipe_of(name), pretraining_of(tag)) == (family, recipe, pretraining)


def test_every_published_network_has_known_costs() -> None:
    rows, unknown = read_published()
    assert len(rows) == 297 and not unknown
    s0 = next(r for r in rows if r.id.startswith("efficientformerv2_s0"))
    assert (s0.top1, s0.params_m, s0.gmacs) == (76.102, 3.6, 0.41)


def test_left_out_networks_are_within_their_intervals() -> None:
    rows, _ = read_published()
    by_arch, by_family = check_left_out(shipped_law(), rows)
    assert by_arch.mae <= 0.65 and by_family.mae <= 1.25
    assert 0.87 <= by_arch.covered <= 0.93 and 0.87 <= by_family.covered <= 0.93
    assert by_arch.mae < by_arch.macs_mae / 2 and by_family.mae < by_family.macs_mae


def test_leaving_out_by_blocks_is_fitting_anew() -> None:
    rows = read_published()[0][::6]
    law = Law.fit(rows, SPREADS)
    groups = [r.family for r in rows]
    found = law.leave_out(groups)
    family = max(set(groups), key=groups.count)
    own = [k for k, g in enumerate(groups) if g == family]
    others = Law.fit([r for r, g in zip(rows, groups, strict=True) if g != family], SPREADS)
    anew = others.expect(Inputs.of([rows[k] for k in own]))
    np.testing.assert_allclose(found.top1[own], anew.top1, rtol=1e-6)
    np.testing.assert_allclose(found.half_width[own], anew.half_width, rtol=1e-5)


def test_spreads_are_found_again() -> None:
    """Errors drawn from the law's own kernel; the noise is what most networks tell of."""
    rows = read_published()[0]
    inputs, truth = Inputs.of(rows), Spreads(0.08, 0.03, 0.05, 0.03, 0.03, 0.08)
    rng = np.random.default_rng(0)
    covariance = inputs.kernel(inputs, truth) + truth.noise**2 * np.eye(len(rows))
    drawn = np.linalg.cholesky(covariance) @ rng.standard_normal(len(rows))
    assert fit_spreads(inputs, drawn).noise == pytest.approx(truth.noise, rel=0.3)


def test_what_is_far_from_everything_has_a_wide_interval() -> None:
    known, far = (
        shipped_law().expect(
            Inputs.of_candidates(*(np.array([v * times]) for v in (6e6, 0.65e9, 1e7)), 224, relatives)
        )
        for times, relatives in ((1, Relatives("efficientformerv2", "snap_dist_in1k")), (1000, Relatives()))
    )
    assert known.half_width[0] < 1.2
    assert far.half_width[0] > 2


@pytest.mark.parametrize("name", ["efficientformer", "efficientformer_v1", "vit"])
def test_the_quality_rates_published_networks(name: str) -> None:
    space = load_space(name)
    pool = space.sample(50, np.random.default_rng(0))
    quality = ExpectedTop1.fit(FitContext(space, CostTable.cached(space), pool))
    quality.name = "expected_top1"
    stated = {k: r for k, r in space.references.items() if "top1" in r.facts}
    genomes = np.array([r.genome for r in stated.values()], np.uint8)
    details = [d["expected_top1"] for d in quality.details(genomes, ())]
    assert [d["value"] for d in details] == pytest.approx(quality.score(genomes).tolist(), abs=1e-3)
    for entry, reference in zip(details, stated.values(), strict=True):
        assert entry["low"] - 1 <= reference.facts["top1"] <= entry["high"] + 1
        assert not entry["out_of_range"]
        assert entry["high"] - entry["low"] < 4


def test_a_space_without_relatives_says_so() -> None:
    space = load_space("tiny32")
    quality = ExpectedTop1.fit(
        FitContext(space, CostTable.cached(space), space.sample(5, np.random.default_rng(0)))
    )
    quality.name = "expected_top1"
    assert "no published relatives of 'tiny32'" in quality.notes[0]
    (entry,) = quality.details(space.sample(1, np.random.default_rng(0)), ())
    assert entry["expected_top1"]["high"] - entry["expected_top1"]["low"] > 4


def test_files_of_known_families_say_what_to_expect() -> None:
    space = load_space("tiny32")
    other = space.decode(space.sample(1, np.random.default_rng(0))[0])
    known, unknown = vitnas.score(["efficientformer:s1", other])
    assert known["expected_top1"]["low"] < 79.7 < known["expected_top1"]["high"]
    assert "expected_top1" not in unknown


def test_an_unknown_family_is_refused_before_a_search(tmp_path: Path) -> None:
    path = tmp_path / "near.yaml"
    document = {**load_space("tiny32").document, "recipe": {"published_as": {"family": "efficientformerv3"}}}
    path.write_text(yaml.safe_dump(document))
    with pytest.raises(UnknownName, match="did you mean 'efficientformerv2'"):
        vitnas.search(str(path), dry_run=True, progress=False)


def test_an_unknown_family_is_refused() -> None:
    document = {**load_space("tiny32").document, "recipe": {"published_as": {"family": "efficientformerv3"}}}
    with pytest.raises(UnknownName, match="did you mean 'efficientformerv2'"):
        relatives_of(document["recipe"], "tiny32")


def table(folder: Path, *lines: str) -> Path:
    path = folder / "truth.csv"
    path.write_text("\n".join(("id,img_size,top1,params_m,family", *lines)) + "\n")
    return path


def test_other_networks_are_checked(run: Run, tmp_path: Path) -> None:
    """A network that is known is left out, one whose costs nobody knows is named."""
    path = table(
        tmp_path,
        "efficientformerv2_s0.snap_dist_in1k,224,76.1,3.6,x",
        "efficientformerv2_s2.snap_dist_in1k,224,82.2,12.7,x",
        "nobody_knows.in1k,224,70,5,x",
    )
    code, out, err = run("law", "check", "--truth", str(path), "--json")
    assert code == 0, err
    document = json.loads(out)
    assert [part["networks"] for part in document["parts"]] == [1, 1]
    assert document["without_costs"] == ["nobody_knows.in1k"]
    code, out, _ = run("law", "check", "--truth", str(path))
    assert code == 0 and "efficientformerv2_s2.snap_dist_in1k" in out and "such as nobody_knows.in1k" in out


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("a_b.in1k,224,170,5,x", "truth.csv:2: column 'top1': expected per cent"),
        ("a_b.in1k,224,much,5,x", "truth.csv:2: column 'top1'"),
        ("a_b.in1k,224,70,5,x", "no network with known MACs and activations"),
    ],
)
def test_wrong_tables_are_refused(run: Run, tmp_path: Path, line: str, said: str) -> None:
    if "170" in line or "much" in line:
        line = line.replace("a_b", "deit_tiny_patch16_224")
    code, _, err = run("law", "check", "--truth", str(table(tmp_path, line)))
    assert code == 2 and said in err and err.count("\n") == 1
    with pytest.raises(InvalidData):
        read_published(table(tmp_path, line))


def test_a_family_is_shown(run: Run) -> None:
    code, out, _ = run("law", "show", "efficientformerv2")
    assert code == 0 and "efficientformerv2_s1.snap_dist_in1k" in out and "±" in out
    code, _, err = run("law", "show", "efficientformer2")
    assert code == 2 and "did you mean" in err


def test_the_law_is_fitted_anew(run: Run, tmp_path: Path) -> None:
    rows = read_published()[0][::5]
    lines = [f"{r.id},{r.resolution_px},{r.top1},{r.params_m},x" for r in rows]
    out_file = tmp_path / "law.json"
    code, out, err = run("law", "fit", str(table(tmp_path, *lines)), "--out", str(out_file))
    assert code == 0, err
    assert f"from {len(rows)} networks" in out
    assert set(json.loads(out_file.read_text())) == set(vars(SPREADS))
    assert len(errors_of(rows)) == len(rows)
    assert check_unseen(shipped_law(), read_published()[0], rows) == []
