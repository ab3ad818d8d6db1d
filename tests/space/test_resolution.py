"""A space at another resolution."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from vitnas.errors import InvalidSpace
from vitnas.space.files import load_space

DOCUMENT: dict[str, Any] = {
    "name": "small",
    "input": {"channels": 3, "resolution_px": 64},
    "classes": 10,
    "stem": {"op": "conv_stem"},
    "stages": [{"width": {"choice": [16, 32]}, "blocks": []}],
    "head": {"op": "pooled_classifier"},
    "references": {
        "known": {
            "genes": {"stages.0.width": 32},
            "top1": 50.0,
            "latency_ms": {"phone": 1.0},
            "source": "made up",
            "recipe": {"epochs": 3},
        }
    },
}


def test_architectures_have_the_resolution_and_the_hash_changes() -> None:
    space = load_space(DOCUMENT)
    large = space.at_resolution(96)
    assert space.resolutions_px == (64,)
    assert large.resolutions_px == (96,)
    assert large.decode(np.array([1], np.uint8)).resolution_px == 96
    assert large.hash != space.hash
    assert space.decode(np.array([1], np.uint8)).resolution_px == 64  # the old one stays what it was


def test_what_was_stated_at_another_resolution_is_left_out() -> None:
    reference = load_space(DOCUMENT).at_resolution(96).references["known"]
    assert dict(reference.facts) == {"source": "made up"}
    assert reference.architecture.metadata["recipe"] == {"epochs": 3}
    same = load_space(DOCUMENT).at_resolution(64).references["known"]
    assert same.facts["top1"] == 50.0


def test_the_document_of_the_new_space_says_it_all() -> None:
    large = load_space(DOCUMENT).at_resolution(96)
    again = load_space(large.document).at_resolution(96)
    assert again.hash == large.hash
    assert dict(again.references["known"].facts) == {"source": "made up"}


def test_an_open_resolution_is_closed() -> None:
    document = {
        **DOCUMENT,
        "input": {"channels": 3, "resolution_px": {"choice": [64, 96]}},
        "references": {"known": {"genes": {"input.resolution_px": 96, "stages.0.width": 32}, "top1": 50.0}},
    }
    space = load_space(document)
    assert space.resolutions_px == (64, 96)
    closed = space.at_resolution(128)
    assert [gene.name for gene in closed.genes] == ["stages.0.width"]
    assert closed.references["known"].architecture.resolution_px == 128


def test_without_an_input_section_it_is_224() -> None:
    space = load_space({k: v for k, v in DOCUMENT.items() if k not in ("input", "references")})
    assert space.resolutions_px == (224,)
    assert space.at_resolution(64).resolutions_px == (64,)


def test_a_variable_is_refused() -> None:
    document = {
        **DOCUMENT,
        "vars": {"side": {"choice": [64, 96]}},
        "input": {"channels": 3, "resolution_px": {"var": "side"}},
        "references": {},
    }
    with pytest.raises(InvalidSpace, match=r"small: input.resolution_px is a variable"):
        load_space(document).at_resolution(32)
