"""What importing ``vitnas.testing`` costs, and how a contract is run without pytest."""

from __future__ import annotations

import subprocess
import sys
from unittest import SkipTest

import pytest

import vitnas.testing
from vitnas.testing import runner


def test_it_imports_neither_torch_nor_pytest() -> None:
    program = (
        "import sys, vitnas.testing\n"
        "from vitnas.testing import create, runner\n"
        "print([name for name in ('torch', 'numpy', 'pytest') if name in sys.modules])\n"
        "vitnas.testing.OperatorContract, vitnas.testing.QualityContract\n"
        "print('pytest' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\nFalse\n"


def test_every_kind_has_a_contract_with_an_attribute_of_its_name() -> None:
    for kind in vitnas.testing.KINDS:
        contract = vitnas.testing.contract_of(kind)
        assert contract.__name__ in vitnas.testing.__all__
        assert kind in contract.__annotations__
    with pytest.raises(AttributeError):
        _ = vitnas.testing.Nothing


class Subject:
    def test_passes(self) -> None: ...

    def test_asserts(self) -> None:
        raise AssertionError("two\nlines")

    def test_raises(self) -> None:
        raise KeyError("x")

    def test_skips(self) -> None:
        raise SkipTest("no use")


@pytest.mark.parametrize(
    ("test", "outcome", "problem"),
    [
        ("test_passes", "passed", ""),
        ("test_asserts", "failed", "two lines"),
        ("test_raises", "failed", "KeyError: 'x'"),
        ("test_skips", "skipped", "no use"),
    ],
)
def test_outcomes(test: str, outcome: str, problem: str) -> None:
    found = runner.run_test(Subject(), test)
    assert (found.name, found.outcome, found.problem) == (test.removeprefix("test_"), outcome, problem)
    assert ("Traceback" in found.trace) == (outcome == "failed")
