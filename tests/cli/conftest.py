from __future__ import annotations

from collections.abc import Callable

import pytest

from vitnas.cli.main import main

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """The command line in this process: exit code, stdout, stderr."""

    def call(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as done:
            main(list(arguments))
        code = done.value.code
        assert isinstance(code, int)
        return code, *capsys.readouterr()

    return call
