"""Searches on the command line, in one process that has imported torch."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

HERE = Path(__file__).parent


class Searches:
    """Runs commands of vitnas; see run_searches.py.

    Args:
        work: where the cases' folders are.
    """

    def __init__(self, work: Path) -> None:
        self.work = work
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "run_searches.py"), str(work)],
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            cwd=work,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def folder(self, case: str) -> Path:
        """Of a case, with the inputs, before anything ran there."""
        return Path(shutil.copytree(HERE / "inputs", self.work / case))

    def run(self, case: str, commands: Sequence[str]) -> Path:
        """The folder where the commands ran; all of them succeeded."""
        process = self.process
        assert process.stdin is not None and process.stdout is not None
        print(json.dumps([case, commands]), file=process.stdin, flush=True)
        outcome = json.loads(process.stdout.readline())
        assert "failed" not in outcome, outcome["failed"]
        return self.work / case


@pytest.fixture(scope="session")
def searches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Searches]:
    """One process for all tests."""
    running = Searches(tmp_path_factory.mktemp("searches"))
    yield running
    running.process.communicate()
