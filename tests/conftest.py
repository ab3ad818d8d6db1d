"""A space that is small enough to search in seconds."""

from __future__ import annotations

import dataclasses
import shutil
import signal

import numpy as np
import pytest
import yaml

from vitnas.hardware.load_device import load_device
from vitnas.hardware.profile.block_table import Measured, write_table
from vitnas.hardware.profile.profile_fields import Calibration, Prediction, TableSummary, save_profile
from vitnas.run.search import run_search
from vitnas.searching.config import SearchConfig
from vitnas.space.chain import chain
from vitnas.space.files import load_space

# A test run started in the background (`pytest &`, some CI systems) ignores SIGINT, and so would all that it
# starts: tests of Ctrl-C would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

TINY = {
    "name": "tiny",
    "description": "a small space for tests",
    "input": {"channels": 3, "resolution_px": 64},
    "classes": 10,
    "stem": {"op": "conv_stem"},
    "stages": [
        {
            "width": {"range": [8, 32, 4]},
            "blocks": [
                {"op": "conv_ffn", "repeat": {"range": [1, 4]}, "expansion": {"choice": [1, 2, 3, 4]}}
            ],
        },
        {
            "down": {"op": "conv_down"},
            "width": {"range": [16, 64, 8]},
            "blocks": [
                {"op": "conv_ffn", "repeat": {"range": [1, 4]}, "expansion": {"choice": [1, 2, 3, 4]}},
                {
                    "op": "attention_ffn",
                    "repeat": {"range": [0, 2]},
                    "expansion": {"choice": [1, 2, 3]},
                    "heads": 2,
                    "key_dim": 8,
                },
            ],
        },
    ],
    "head": {"op": "pooled_classifier"},
    "recipe": {"optimizer": "adamw"},
    "references": {
        "known": {
            "genes": {
                "stages.0.width": 16,
                "stages.0.blocks.0.repeat": 2,
                "stages.0.blocks.0.expansion": 2,
                "stages.1.width": 32,
                "stages.1.blocks.0.repeat": 2,
                "stages.1.blocks.0.expansion": [2, 4],
                "stages.1.blocks.1.repeat": 1,
                "stages.1.blocks.1.expansion": 2,
            },
            "top1": 50.0,
            "source": "made up for tests",
        }
    },
}


@pytest.fixture(scope="session")
def searched(tmp_path_factory):
    """A folder with a run of a proxy, ``built``, and one that ranks genomes, ``ranked``."""
    folder = tmp_path_factory.mktemp("searched")
    (folder / "search_spaces").mkdir()
    (folder / "search_spaces" / "tiny.yaml").write_text(yaml.safe_dump(TINY, sort_keys=False))
    budgets = (("max-params", "40k"),)  # which the published network exceeds
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        run_search(SearchConfig("tiny", quality="naswot", trials=8, front=2, budgets=budgets), name="built")
        run_search(SearchConfig("tiny", trials=3000, front=2, budgets=budgets), name="ranked")
    return folder


@pytest.fixture
def searched_runs(searched, tmp_path, monkeypatch):
    """A copy of both runs, in the folder of the test."""
    shutil.copytree(searched, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return tmp_path / "copy" / "runs"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "search_spaces").mkdir()
    (tmp_path / "search_spaces" / "tiny.yaml").write_text(yaml.safe_dump(TINY, sort_keys=False))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def devices(folder):
    """Profiles beside the space: ``phone`` (fitted), ``gpu`` (throughput), ``board`` (limits alone) and
    ``laptop`` (a table that lacks some blocks)."""
    phone = load_device("iphone12").profile
    profiles = folder / "hardware_profiles"
    profiles.mkdir()

    def save(device, **changes):
        profile = dataclasses.replace(phone, name=f"{device}-v1", **changes)
        save_profile(profile, profiles / f"{device}.yaml")

    save("phone", resolution_px=(64, 96))
    slow = {key: 3 * value for key, value in phone.coefficients.items()}
    save(
        "gpu",
        metric="throughput",
        resolution_px=(64, 96),
        conditions=dataclasses.replace(phone.conditions, batch=256),
        coefficients=slow,
    )
    save(
        "board",
        kind="limits",
        metric="none",
        resolution_px=(0, 0),
        coefficients={},
        rows=None,
        error=None,
        domain=None,
        limits={"peak_bytes": 40_000.0},
        conditions=dataclasses.replace(phone.conditions, dtype="int8"),
    )
    space = load_space("tiny")
    blocks = {b for g in space.sample(400, np.random.default_rng(0)) for b in chain(space.decode(g))}
    table = {b: Measured(0.01, 0.001, 30) for b in blocks if b.inputs.channels < 16 or b.width > 32}
    write_table(profiles / "laptop.csv", table)
    save(
        "laptop",
        kind="measured",
        resolution_px=(64, 64),
        rows=None,
        table=TableSummary("laptop.csv", ("tiny",), len(table), 4, 30, 0.01, 0.02, 0.01, 60.0),
        calibration=Calibration(0.02, 1.1, 20),
        prediction=Prediction({"conv_ffn": 1.0}, 0.08, 0.3),
    )
    return folder
