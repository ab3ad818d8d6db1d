"""How long a search would take, from how it began."""

from __future__ import annotations

import math

import pytest

from vitnas.events import Silent
from vitnas.run.forecast import GROWTH, Mark, extrapolated, forecast
from vitnas.run.prepare import prepare
from vitnas.searching.config import SearchConfig


def watched(until: int, *, slope: float = 1.0, growth: float = 0.0, start_s: float = 0.0) -> list[Mark]:
    """A loop whose trials are a power of the candidates priced, and whose candidates cost more and more."""
    marks, seconds = [Mark(0, 0, 0.0)], start_s
    for asked in range(1000, until + 1, 1000):
        seconds += (asked / 1000) ** growth
        marks.append(Mark(asked, asked**slope, seconds))
    return marks


@pytest.mark.parametrize("slope", [1.0, 0.8])
@pytest.mark.parametrize("start_s", [0.0, 30.0])
def test_a_loop_that_goes_on_as_it_began(slope: float, start_s: float) -> None:
    seen = watched(50_000, slope=slope, growth=GROWTH, start_s=start_s)
    whole = watched(400_000, slope=slope, growth=GROWTH, start_s=start_s)[-1]
    end = extrapolated(seen, round(whole.trials), 10**9)
    assert end.priced == pytest.approx(whole.priced, rel=0.01)
    assert end.trials == pytest.approx(whole.trials, rel=0.01)
    assert end.seconds == pytest.approx(whole.seconds, rel=0.1)


def test_where_hardly_anything_is_new_the_end_is_what_may_be_priced() -> None:
    seen = watched(50_000, slope=0.3)
    end = extrapolated(seen, 10_000, 200_000)
    assert end.priced == 200_000
    assert end.trials == pytest.approx(200_000**0.3, rel=0.01)


def test_one_ask_says_something_as_well() -> None:
    end = extrapolated([Mark(0, 0, 0.0), Mark(16, 16, 4.0)], 64, 10**6)
    assert end.trials == 64 and 16.0 < end.seconds < 25.0
    nothing = extrapolated([Mark(0, 0, 0.0), Mark(16, 0, 4.0)], 64, 1000)
    assert math.isfinite(nothing.seconds) and nothing.trials <= 64


def test_a_small_space_has_as_many_trials_as_architectures() -> None:
    """18,252 that a default search lists, and a search of networks ends with."""
    listed = forecast(prepare(SearchConfig("tiny32"), Silent()), workers=1)
    assert (listed.trials, listed.exhaustive) == (18_252, True)
    few = forecast(prepare(SearchConfig("tiny32", trials=1000), Silent()), workers=1)
    assert (few.trials, few.exhaustive) == (1000, False)
    built = SearchConfig("tiny32", quality="naswot", trials=50_000)
    one, two = (forecast(prepare(built, Silent()), workers=n) for n in (1, 2))
    assert (one.trials, one.exhaustive) == (two.trials, two.exhaustive) == (18_252, True)
