from __future__ import annotations

import json
from collections.abc import Callable

import pytest

Run = Callable[..., tuple[int, str, str]]  # exit code, stdout, stderr
S0, S2 = "efficientformer:s0", "efficientformer:s2"


def test_prices_of_published_networks(run: Run) -> None:
    code, out, err = run("score", S0, S2, "--target", "iphone12")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert max(map(len, lines)) <= 80
    assert "3.60" in lines[2]
    assert "12.71" in lines[3]
    assert "±" in lines[2]
    assert "fitted, not measured" in out
    assert "\x1b" not in out


def test_json_has_an_object_a_file(run: Run) -> None:
    code, out, _ = run("score", S0, S2, "--target", "iphone12", "--json")
    rows = json.loads(out)
    assert code == 0
    assert [row["params"] for row in rows] == [3_600_256, 12_710_112]
    wanted = {"name", "id", "params", "macs", "activations", "peak_bytes", "latency_ms", "scores"}
    for row in rows:
        assert wanted <= set(row)
    assert 0.8 < rows[0]["latency_ms"] < 1.0  # published: 0.9


def test_proxies_are_asked_for_by_name(run: Run) -> None:
    code, out, _ = run("score", S0, "--proxy", "token_entropy", "--proxy", "naswot", "--json")
    (row,) = json.loads(out)
    assert code == 0
    assert set(row["scores"]) == {"token_entropy", "naswot"}
    assert row["latency_ms"] is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.yaml"], "nowhere.yaml"),
        (["efficientformer:s9"], "s9"),
        ([S0, "--target", "iphone-12"], "did you mean 'iphone12'?"),
        ([S0, "--proxy", "naswott"], "did you mean 'naswot'?"),
    ],
)
def test_wrong_input_is_one_line_and_exit_2(run: Run, arguments: list[str], said: str) -> None:
    code, out, err = run("score", *arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
