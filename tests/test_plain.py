from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from vitnas.plain import plain


def test_what_json_has_not_becomes_what_it_has() -> None:
    value = {1: np.float32(0.5), "a": (np.array([1, 2]), Path("x")), "b": {"y"}, "c": float("nan"), "d": None}
    found = plain(value)
    assert found == {"1": 0.5, "a": [[1, 2], "x"], "b": ["y"], "c": None, "d": None}
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert plain([np.inf, np.array([np.nan, 1.0]), np.bool_(True)]) == [None, [None, 1.0], True]


def test_digits_are_of_floats_alone() -> None:
    assert plain({"tau": 0.123456, "n": 123456, "no": float("nan")}, digits=3) == {
        "tau": 0.123,
        "n": 123456,
        "no": None,
    }


def test_a_stranger_is_refused() -> None:
    with pytest.raises(TypeError, match="object"):
        plain([object()])
