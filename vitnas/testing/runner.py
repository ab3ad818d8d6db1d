"""Running a contract without pytest."""

from __future__ import annotations

import ast
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from unittest import SkipTest

from vitnas import plugins
from vitnas.arch.yaml_io import read_yaml
from vitnas.errors import InvalidInput, VitnasError, describe
from vitnas.testing import KINDS, contract_of

FOLDERS = {plugins.KINDS[kind][1]: kind for kind in KINDS if kind in plugins.KINDS} | plugins.DATA
BASES = {"Module": "operator", "Proxy": "proxy", "Strategy": "strategy", "Quality": "quality"}


@dataclass(frozen=True)
class Check:
    """One test of a contract.

    Attributes:
        name: what must hold, in words.
        outcome: how it went.
        problem: what is wrong, or why the test does not apply; one line.
        trace: the traceback of what failed.
    """

    name: str
    outcome: Literal["passed", "failed", "skipped"]
    problem: str = ""
    trace: str = ""


def kind_of(file: str) -> str:
    """The kind of a plug-in's file: by its base class or what its YAML says, or else by its folder.

    Raises:
        InvalidInput: it cannot be read, or nothing of that says the kind.
    """
    path = Path(file)
    if not path.is_file():
        raise InvalidInput(f"no such file: '{file}'")
    said = _of_class(path) if path.suffix == ".py" else _of_data(path)
    kind = said or FOLDERS.get(path.absolute().parent.name)
    if kind is None:
        raise InvalidInput(f"{file}: nothing says what it is; give `kind` ({', '.join(KINDS)})")
    return kind


def _of_class(path: Path) -> str | None:
    """By the base of the class that the file's name asks for."""
    try:
        body = ast.parse(path.read_text(encoding="utf-8")).body
    except (SyntaxError, ValueError):
        return None  # loading it says where
    for node in body:
        if isinstance(node, ast.ClassDef) and node.name == plugins.camel_case(path.name):
            bases = (ast.unparse(base).rpartition(".")[2] for base in node.bases)
            return next((BASES[base] for base in bases if base in BASES), None)
    return None


def _of_data(path: Path) -> str | None:
    document = read_yaml(path).data
    if not isinstance(document, dict):
        return None
    return "space" if "stages" in document else "device" if "conditions" in document else None


def run_contract(kind: str, name: str) -> Iterator[Check]:
    """The tests of a plug-in's contract, one after the other; no more after it cannot be loaded.

    Args:
        kind: of the plug-in.
        name: of the plug-in, or its file.
    """
    contract = contract_of(kind)
    plugins.ask(name)
    for test in [method for method in vars(contract) if method.startswith("test_")]:
        subject = contract()
        setattr(subject, kind, name)
        check = run_test(subject, test)
        yield check
        if test == "test_can_be_loaded" and check.outcome == "failed":
            return


def run_test(subject: Any, test: str) -> Check:
    """One method of a contract; whatever it raises is how it went."""
    words = test.removeprefix("test_").replace("_", " ")
    try:
        getattr(subject, test)()
    except SkipTest as reason:
        return Check(words, "skipped", str(reason))
    except (AssertionError, VitnasError) as problem:
        text = " ".join(str(problem).split()) or "it does not hold"
        return Check(words, "failed", text, traceback.format_exc())
    except Exception as problem:
        return Check(words, "failed", describe(problem) + plugins.where(problem), traceback.format_exc())
    return Check(words, "passed")
