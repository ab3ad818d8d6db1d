"""Real images in a run: proxies see them, and a resumed run wants the same ones."""

from __future__ import annotations

import json
from functools import partial

import numpy as np
import pytest

from vitnas.errors import InvalidInput, RunError
from vitnas.run import search as searches
from vitnas.run.prepare import RatingSettings
from vitnas.searching.config import SearchConfig
from vitnas.store.folder import RunFolder

FEW = RatingSettings(reference_networks=3, batch=8)
run_search, resume_search = (
    partial(begin, rating=FEW) for begin in (searches.run_search, searches.resume_search)
)


def write_images(place, seed, channels=3):
    x = np.random.default_rng(seed).integers(0, 256, (40, 24, 24, channels), np.uint8)
    np.savez(place, x=x)
    return str(place)


def test_images_of_a_run(folder):
    place = write_images(folder / "real.npz", 0)
    settings = {"space": "tiny", "quality": "naswot", "trials": 3, "front": 1, "budgets": ()}
    run_search(SearchConfig(images=place, **settings), name="real")
    run_search(SearchConfig(**settings), name="gaussian")
    scores = {}
    for name in ("real", "gaussian"):
        lines = (folder / "runs" / name / "evaluations.jsonl").read_text().splitlines()
        scores[name] = {
            r["id"]: r["scores"]["naswot"] for r in map(json.loads, lines) if "naswot" in r["scores"]
        }
    shared = scores["real"].keys() & scores["gaussian"].keys()
    assert len(shared) >= 3, "the reference samples are the same networks"
    assert all(scores["real"][i] != scores["gaussian"][i] for i in shared)
    assert RunFolder(folder / "runs" / "real").open()["images"] == place

    resume_search(folder / "runs" / "real")
    write_images(folder / "real.npz", 1)
    with pytest.raises(RunError, match=r"real\.npz does not hold the images that the run began with"):
        resume_search(folder / "runs" / "real")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"images": "nowhere"}, "nowhere: no such folder or file of images"),
        ({"images": "five.npz"}, "expected (N, H, W, 3)"),
        ({"images": "grey.npz"}, "its images have 1 channels, the network takes 3"),
        ({"device": "gpu"}, "expected cpu, cuda, or cuda:N"),
        ({"device": "cuda:77"}, "CUDA devices that torch can use"),
    ],
)
def test_what_proxies_cannot_be_computed_with(folder, settings, said):
    write_images(folder / "five.npz", 0, channels=5)
    write_images(folder / "grey.npz", 0, channels=1)
    with pytest.raises(InvalidInput) as raised:
        run_search(SearchConfig("tiny", quality="naswot", **settings), name="it")
    assert said in str(raised.value)
    assert not (folder / "runs" / "it").exists()


def test_a_manifest_of_an_older_vitnas_has_no_images():
    old = SearchConfig("tiny").to_dict()
    del old["images"], old["device"]
    config = SearchConfig.from_dict(old)
    assert (config.images, config.device) == (None, "cpu")
