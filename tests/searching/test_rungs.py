"""What ``--then`` may say."""

from __future__ import annotations

import dataclasses

import pytest

from vitnas.errors import InvalidInput, RunCorrupt
from vitnas.searching.config import SearchConfig
from vitnas.searching.rungs import Rung, RungResult, parse_rungs


def test_rungs_are_a_quality_and_a_number() -> None:
    found = parse_rungs(["naswot:1000", "a+b: 2k", "./own proxy.py:16", "train:4"], "capacity")
    assert found == (
        Rung("naswot", 1000),
        Rung("a+b", 2000),
        Rung("./own proxy.py", 16),
        Rung("train", 4),
    )
    assert str(found[0]) == "naswot:1000"
    assert parse_rungs([], "capacity") == ()


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["naswot"], "`then` naswot: how many networks does it take? write QUALITY:N, such as naswot:1000"),
        (["naswot:"], "`then` naswot:: how many networks does it take?"),
        ([":16"], "`then` :16: what does it score with?"),
        ([""], "`then` : how many networks does it take?"),
        (["naswot:0"], "`then` naswot:0: '0' is not a whole number of at least 1"),
        (["naswot:-3"], "'-3' is not a whole number"),
        (["naswot:1.5"], "'1.5' is not a whole number"),
        (["naswot:many"], "'many' is not a number"),
        (["capacity:10"], "`then` capacity:10: 'capacity' has scored its candidates already; leave it out"),
        (["naswot:9", "naswot:4"], "`then` naswot:4: 'naswot' has scored"),
        (["token-entropy+naswot:9", "naswot+token_entropy:4"], "has scored its candidates already"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(texts: list[str], said: str) -> None:
    with pytest.raises(InvalidInput) as problem:
        SearchConfig("tiny", then=tuple(texts))
    assert said in str(problem.value)
    assert "\n" not in str(problem.value)


def test_the_settings_keep_them() -> None:
    config = SearchConfig("tiny", quality="params", then=("naswot:8", "depth:2"))
    assert config.qualities == ("params", "naswot", "depth")
    assert SearchConfig.from_dict(config.to_dict()) == config
    old = {name: value for name, value in config.to_dict().items() if name != "then"}
    assert SearchConfig.from_dict(old) == dataclasses.replace(config, then=())
    with pytest.raises(RunCorrupt):
        SearchConfig.from_dict({**config.to_dict(), "after": []})


def test_a_row_of_the_manifest_says_what_applies() -> None:
    row = RungResult("naswot", 8, 5, 4, 1, 3, 1.23456, {"did not finish": 1})
    assert row.to_dict() == {
        "quality": "naswot", "take": 8, "input": 5, "scored": 4, "failed": 1, "output": 3, "seconds": 1.235,
        "failures": {"did not finish": 1},
    }  # fmt: skip
    first = RungResult("capacity", None, 12, 10, 0, 3, 1.0, whole=False).to_dict()
    assert "take" not in first and "failures" not in first and first["whole"] is False
