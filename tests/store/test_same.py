from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from vitnas.errors import InvalidInput
from vitnas.searching.config import SearchConfig
from vitnas.store.resume_check import require_same

CONFIG = SearchConfig("tiny", budgets=(("max-params", "60k"),), objectives=("quality", "params"))


def check(**changes):
    given = dataclasses.replace(CONFIG, **changes)
    require_same(CONFIG.to_dict(), given.to_dict(), Path("runs/a"), changeable=("trials", "time"))


def test_the_same_command_and_what_may_change():
    check()
    check(trials=7, time_s=3.0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seed": 1, "front": 3}, "the run has `seed` 0, this command `seed` 1"),
        ({"target": "phone"}, "the run has no `target`, this command `target` phone"),
        ({"budgets": ()}, "the run has `max_params` 60k, this command no `max_params`"),
        (
            {"budgets": (("max-params", "61k"),)},
            "the run has `max_params` 60k, this command `max_params` 61k",
        ),
        (
            {"objectives": ("quality",)},
            "the run has `objectives` quality,params, this command `objectives` quality",
        ),
        ({"random_arm": False}, "the run has no `random_arm`, this command `random_arm` switched off"),
    ],
)
def test_the_first_setting_that_differs_is_named(changes, said):
    with pytest.raises(InvalidInput, match=re.escape(f"runs/a: {said}: give the run's settings")) as error:
        check(**changes)
    assert "\n" not in str(error.value)
