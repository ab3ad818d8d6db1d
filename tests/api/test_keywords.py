"""Every keyword is an option, and whatever is wrong with a value is one line that names the keyword."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest
import typer.main

import vitnas
from vitnas.api.inputs import read_all
from vitnas.api.keywords import LIMITS, SCALE_READERS, SEARCH_READERS, budgets_of, workers_of
from vitnas.api.prices import SCORE_READERS
from vitnas.api.start_search import search_config
from vitnas.cli.main import load
from vitnas.errors import InvalidInput, UnknownName, VitnasError
from vitnas.searching.config import SearchConfig
from vitnas.space.files import load_space
from vitnas.workers import WorkerSettings

NUMBERS = {
    *LIMITS,
    *("time", "seconds", "candidate_timeout", "learning_rate", "cpus_per_worker", "gpus_per_worker"),
    *("proxy_width", "overshoot", "depth_ratio", "width_ratio", "resolution_ratio", "shrink", "to"),
}  # that may be broken numbers
WRONG = {"dict": {1: "x"}, "float": 1.5, "list": [1.5, None], "object": object(), "bytes": b"x", "set": {2.5}}


def wrong(readers):
    return [
        (name, kind)
        for name in readers
        for kind in WRONG
        if not (kind == "float" and name in NUMBERS) and name not in ("space", "file")
    ]


def check(problem, name):
    text = str(problem.value)
    assert f"`{name}`" in text and "\n" not in text and len(text) < 300


@pytest.mark.parametrize(("name", "kind"), wrong(SEARCH_READERS))
def test_wrong_types_of_a_search(name, kind):
    with pytest.raises(InvalidInput) as problem:
        vitnas.search("tiny", **{name: WRONG[kind]})
    check(problem, name)


@pytest.mark.parametrize(("name", "kind"), wrong(SCALE_READERS))
def test_wrong_types_of_a_family(name, kind):
    with pytest.raises(InvalidInput) as problem:
        vitnas.scale("efficientformer:s0", **{"to": "6M", "rule": "compound", name: WRONG[kind]})
    check(problem, name)


@pytest.mark.parametrize(("name", "kind"), wrong(SCORE_READERS))
def test_wrong_types_of_scores(name, kind):
    with pytest.raises(InvalidInput) as problem:
        vitnas.score("efficientformer:s0", **{name: WRONG[kind]})
    check(problem, name)


@pytest.mark.parametrize("value", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize(
    "call",
    [
        vitnas.search, vitnas.scale, vitnas.score, vitnas.price, vitnas.load_run, vitnas.load_architecture,
        vitnas.create_model, vitnas.export_timm, vitnas.list_spaces,
        lambda value: vitnas.scale(value, to="6M", rule="compound"),
        lambda value: vitnas.price("efficientformer:s0", value),
        lambda value: vitnas.export_onnx(value, "x.onnx"),
    ],
)  # fmt: skip
def test_wrong_types_of_what_comes_first(call, value, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(VitnasError) as problem:
        call(value)
    assert "\n" not in str(problem.value)
    assert not list(tmp_path.iterdir())


def test_an_object_whose_repr_raises_is_an_error_as_well():
    class Sulky:
        def __repr__(self):
            raise RuntimeError

    with pytest.raises(InvalidInput, match=r"`trials`: expected a whole number .*, got .* \(Sulky\)"):
        vitnas.search("tiny", trials=Sulky())


def test_an_unknown_keyword_has_its_closest_match():
    with pytest.raises(UnknownName, match=r"^search: unknown keyword `max_latancy`; did you mean `max_lat"):
        vitnas.search("efficientformer", max_latancy="1.6ms")
    with pytest.raises(UnknownName, match=r"unknown keyword `zzz`; help\(vitnas.scale\) lists them"):
        vitnas.scale("efficientformer:s0", zzz=1)


def options(command):
    own = {str(p.name) for p in load(command).params}
    return own - {"as_json", "help"}


def test_keywords_are_the_options():
    assert options("search") | {"progress"} == set(SEARCH_READERS)
    assert options("scale") | {"progress"} == set(SCALE_READERS)
    assert options("score") - {"files"} | {"progress"} == set(SCORE_READERS)
    assert isinstance(load("search"), typer.main.TyperCommand)


@pytest.mark.parametrize(
    ("function", "readers"),
    [(vitnas.search, SEARCH_READERS), (vitnas.scale, SCALE_READERS), (vitnas.score, SCORE_READERS)],
)
def test_help_names_every_keyword(function, readers):
    shown = set(inspect.signature(function).parameters)
    assert shown - {"networks"} == set(readers)
    words = set(function.__doc__.replace(",", " ").replace(":", " ").replace("`", " ").split())
    assert not [name for name in shown if name not in words and name not in LIMITS]


def config(**given):
    return search_config(read_all(SEARCH_READERS, {"space": "tiny", **given}, of="search"))[0]


def test_none_is_as_good_as_not_given():
    assert config(**{name: None for name in SEARCH_READERS if name != "space"}) == SearchConfig("tiny")


def test_values_may_be_numbers_texts_paths_and_lists():
    found = config(
        target=["iphone12", Path("mine/gpu.yaml")],
        max_latency={"iphone12": "1.6ms", "gpu": 3.0},
        max_params=13e6,
        max_macs=np.float32(2**30),
        trials="200k",
        time="1h30m",
        seed=np.int64(3),
        objectives="quality",
        then=["naswot:100", "train:8"],
        data=Path("pictures"),
        learning_rate=1e-3,
        early_stop=False,
        unordered=True,
        strategy_options={"share": 0.5},
    )
    assert found == SearchConfig(
        "tiny",
        "iphone12,mine/gpu.yaml",
        budgets=(
            ("max-latency", "iphone12=1.6ms,gpu=3"),
            ("max-params", "13000000"),
            ("max-macs", "1073741824"),
        ),
        trials=200_000,
        time_s=5400.0,
        seed=3,
        objectives=("quality",),
        then=("naswot:100", "train:8"),
        data="pictures",
        learning_rate=1e-3,
        early_stop=False,
        ordered=False,
        strategy_options=(("share", 0.5),),
    )
    assert config(trials=2e6, time=90).trials == 2_000_000
    assert config(strategy_options="share=0.5").strategy_options == (("share", 0.5),)


def test_a_space_may_be_an_object_or_a_document(folder):
    space = load_space("tiny")
    for given in (space, space.document):
        made, own = search_config(read_all(SEARCH_READERS, {"space": given}, of="search"))
        assert made.space == "tiny" and own is not None and own.hash == space.hash


def test_a_preset_gives_what_is_not_given():
    preset = config(space=None, preset="asvit", strategy="random")
    assert (preset.space, preset.quality) == ("asvit", "ntk_condition+length_distortion")
    assert preset.strategy == "random"


def test_who_works():
    assert workers_of({}) == 1
    assert workers_of({"workers": 2}) == 2
    assert workers_of({"workers": 2, "candidate_timeout": 30.0}) == WorkerSettings(2, timeout_s=30.0)
    assert workers_of({"ray": "local"}) == WorkerSettings(ray="local")
    settings = WorkerSettings(3)
    assert workers_of({"workers": settings}) is settings
    with pytest.raises(InvalidInput, match="`device` cuda on Ray needs `gpus_per_worker`"):
        workers_of({"ray": "local", "device": "cuda"})
    with pytest.raises(InvalidInput, match="`ray` stands in the settings"):
        workers_of({"workers": settings, "ray": "local"})


def test_limits_are_settings_of_a_run():
    assert budgets_of({"max_params": "13M", "trials": 3}) == (("max-params", "13M"),)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"resume": "runs/x", "seed": 1}, "`seed` cannot stand beside `resume`"),
        ({"resume": "runs/x", "dry_run": True}, "`dry_run` cannot stand beside `resume`"),
        ({"space": "tiny", "resume": "runs/x", "name": "y"}, "`name` cannot stand beside `resume`"),
        ({}, "name a space with `space`"),
        ({"space": "tiny", "trials": 0}, "trials"),
    ],
)
def test_settings_that_do_not_go_together(given, text):
    with pytest.raises(InvalidInput, match=text):
        vitnas.search(**given)
