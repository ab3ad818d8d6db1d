"""Resolutions: read in one way from everywhere, kept in one form, written so that they are read again."""

from __future__ import annotations

import json

import numpy as np
import pytest

from vitnas.errors import InvalidInput
from vitnas.formats.resolution import (
    any_in_px,
    as_scalar,
    in_file,
    in_px,
    least_and_most,
    parse_resolution,
    read_resolution,
    sides_px,
    span_in_px,
)

WIDE = (224, 320)


@pytest.mark.parametrize(
    "given", ["224x320", " 224 x 320 ", "224X320", [224, 320], WIDE, np.int64(WIDE).tolist()]
)
def test_every_way_to_say_height_and_width(given: object) -> None:
    assert parse_resolution(given) == WIDE


@pytest.mark.parametrize("given", [224, "224", "224x224", [224, 224], (224, 224), np.int32(224)])
def test_a_square_is_its_side(given: object) -> None:
    assert parse_resolution(given) == 224 and type(parse_resolution(given)) is int


@pytest.mark.parametrize(
    "given",
    [
        *(0, -1, 1.5, 224.0, True, None, 10**30, b"ab", {"a": 1}),
        *("", "a", "224x", "x320", "224x320x3", "0x320", "1e3", "-1x3", "100001"),
        *([], [224], [224, 320, 3], [224, 0], [224, "x"], [224, None], [True, 2]),
    ],
)
def test_anything_else_is_one_line(given: object) -> None:
    with pytest.raises(InvalidInput, match=r"^`resolution_px`: expected a side such as 224"):
        read_resolution(given, "`resolution_px`")


@pytest.mark.parametrize("resolution", [224, WIDE])
def test_what_is_written_is_read_again(resolution: int | tuple[int, int]) -> None:
    written = (as_scalar(resolution), in_file(resolution), json.loads(json.dumps(resolution)))
    assert {parse_resolution(own) for own in written} == {resolution}


def test_words_and_order() -> None:
    assert (in_px(224), in_px(WIDE)) == ("224 px", "224x320 px")
    assert (span_in_px(224, 224), span_in_px(192, WIDE)) == ("224 px", "192 to 224x320 px")
    assert any_in_px((224, WIDE)) == "224 or 224x320 px"
    assert least_and_most([WIDE, 256, 288]) == (256, 288) and least_and_most([]) == (0, 0)
    assert sides_px(7) == (7, 7)
