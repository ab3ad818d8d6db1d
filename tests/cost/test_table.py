"""The cost table equals tracing the whole built network, exactly."""

from __future__ import annotations

import numpy as np
import pytest

from vitnas.cost import cache
from vitnas.cost.priced import Figures
from vitnas.cost.pricer import price_architecture
from vitnas.cost.table import CostTable
from vitnas.errors import InvalidSpace
from vitnas.hardware.load_device import load_device
from vitnas.space.files import load_space

COUNTED = ("params", "macs", "activations", "peak_bytes")


@pytest.fixture(scope="module", params=["efficientformer", "efficientformer_v1"])
def table(request):
    return CostTable.cached(load_space(request.param), load_device("iphone12"))


def test_equals_tracing_200_random_architectures(table):
    genomes = table.space.sample(200, np.random.default_rng(0))
    costs = table.price(genomes)
    for k, genome in enumerate(genomes):
        traced = price_architecture(table.space.decode(genome), table.devices)
        row = costs.row(k)
        assert [row[name] for name in COUNTED] == [traced[name] for name in COUNTED]
        assert row["latency_ms"] == pytest.approx(traced["latency_ms"], rel=1e-9)


def test_prices_published_networks_as_published(table):
    for reference in table.space.references.values():
        row = table.price_one(reference.genome)
        assert row["params"] == reference.facts["params"]
        assert row["macs"] == reference.facts["macs"]
        published = reference.facts["latency_ms"].get("iphone12")
        if published is not None:
            assert abs(row["latency_ms"] / published - 1) <= table.devices[0].band


def test_batches_do_not_matter(table):
    genomes = table.space.sample(20_000, np.random.default_rng(1))
    whole = table.price(genomes)
    part = table.price(genomes[7000:7010])
    for name in whole.columns:
        assert (whole[name][7000:7010] == part[name]).all()


def test_resolution_and_operator_genes_are_priced(tmp_path):
    document = {
        "name": "open",
        "input": {"channels": {"choice": [1, 3]}, "resolution_px": {"choice": [64, 128]}},
        "classes": {"choice": [10, 100]},
        "stem": {"op": "conv_stem"},
        "stages": [
            {
                "width": {"choice": [16, 32]},
                "blocks": [
                    {
                        "op": {"choice": ["conv_ffn", "attention_ffn"]},
                        "repeat": {"range": [0, 2]},
                        "expansion": {"choice": [1.5, 2]},
                        "heads": {"choice": [1, 2]},
                        "key_dim": 8,
                    }
                ],
            },
            {"down": {"op": "conv_down"}, "width": {"choice": [24, 48]}, "blocks": []},
        ],
        "head": {"op": "pooled_classifier"},
    }
    space = load_space(document)
    table = CostTable.build(space)
    genomes = space.sample(60, np.random.default_rng(2))
    costs = table.price(genomes)
    for k, genome in enumerate(genomes):
        traced = price_architecture(space.decode(genome))
        assert [costs.row(k)[name] for name in COUNTED] == [traced[name] for name in COUNTED]


def test_the_cache_is_keyed_by_what_the_table_depends_on(tmp_path, monkeypatch):
    monkeypatch.setenv("VITNAS_CACHE", str(tmp_path))
    space = load_space("efficientformer_v1")
    device = load_device("iphone12")
    first = CostTable.cached(space, device)
    files = list(tmp_path.rglob("*.npz"))
    assert len(files) == 1
    monkeypatch.setattr(CostTable, "build", None)  # a second build would fail
    again = CostTable.cached(space, device)
    genomes = space.sample(100, np.random.default_rng(0))
    for name in first.price(genomes).columns:
        assert (first.price(genomes)[name] == again.price(genomes)[name]).all()
    other = load_space({**space.document, "classes": 10})
    assert cache.path_of(other, Figures((device,))) != cache.path_of(space, Figures((device,)))
    assert cache.path_of(space, Figures()) != cache.path_of(space, Figures((device,)))


def test_a_damaged_cache_is_built_again(tmp_path, monkeypatch):
    monkeypatch.setenv("VITNAS_CACHE", str(tmp_path))
    space = load_space("efficientformer_v1")
    CostTable.cached(space)
    (kept,) = tmp_path.rglob("*.npz")
    kept.write_bytes(kept.read_bytes()[:100])
    assert CostTable.cached(space).price_one(space.references["l1"].genome)["params"] == 12289928


def test_what_cannot_be_built_is_named():
    space = load_space("efficientformer_v1")
    document = {**space.document, "input": {"channels": 3, "resolution_px": 225}, "references": {}}
    with pytest.raises(InvalidSpace) as caught:
        CostTable.build(load_space(document))
    assert "225" in str(caught.value) and "\n" not in str(caught.value)


def test_the_cache_notices_an_operator_of_the_users_in_place_of_ours(tmp_path, monkeypatch):
    monkeypatch.setenv("VITNAS_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    space = load_space("efficientformer")
    ours = cache.path_of(space, Figures())
    mine = tmp_path / "ops" / "conv_ffn.py"
    mine.parent.mkdir()
    mine.write_text("class ConvFfn: 'One.'")
    with pytest.warns(UserWarning, match="in place of the built-in operator 'conv_ffn'"):
        first = cache.path_of(space, Figures())
    mine.write_text("class ConvFfn: 'Two.'")
    assert len({ours, first, cache.path_of(space, Figures())}) == 3
    (tmp_path / "ops" / "unused.py").write_text("")
    mine.unlink()
    assert cache.path_of(space, Figures()) == ours


@pytest.mark.parametrize("variables", [{}, {"VITNAS_CACHE": ""}, {"XDG_CACHE_HOME": "relative"}])
def test_without_a_home_there_is_no_cache(variables, monkeypatch):
    for name in ("VITNAS_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("pathlib.Path.home", homeless)
    assert cache.folder() is None and cache.path_of(load_space("vit"), Figures()) is None


def homeless():
    raise RuntimeError("Could not determine home directory.")


def test_a_cache_that_cannot_be_written_is_one_warning(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.touch()
    monkeypatch.setenv("VITNAS_CACHE", str(blocked))
    with pytest.warns(UserWarning, match="the costs of blocks are not kept") as said:
        table = CostTable.cached(load_space("tiny32"))
    assert len(said) == 1 and table.price_one(table.space.sample(1, np.random.default_rng(0))[0])
