"""A small space and a runtime whose times are known."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import Tensor, nn

from vitnas import plugins
from vitnas.hardware.measure.runtime import CannotConvert, RuntimeConditions

from ..conftest import SPACE, work_ms


class Fake:
    """A network takes 0.2 ms + 1.1 x its parameters / 10,000; a block 0.01 ms + its own / 10,000."""

    eager = False

    def __init__(self, threads: int = 1) -> None:
        self.threads = threads
        self.prepared: list[nn.Module] = []
        self.refused: tuple[type[nn.Module], ...] = ()
        self.factors: dict[int, float] = {}  # number of a preparation -> how much slower the machine is

    def conditions(self) -> RuntimeConditions:
        return RuntimeConditions("Fake CPU", "Fake 1.0", "Fake OS", "CPU", "float32", self.threads)

    def prepare(self, module: nn.Module, example: Tensor) -> FakeTimed:
        if isinstance(module, self.refused):
            raise CannotConvert("it holds what this runtime cannot run")
        self.prepared.append(module)
        return FakeTimed(work_ms(module) * self.factors.get(len(self.prepared), 1.0))


class FakeTimed:
    def __init__(self, ms: float, spread: float = 0.0) -> None:
        self.ms, self.spread = ms, spread

    def times_ms(self, runs: int) -> list[float]:
        return [self.ms * (1 + self.spread * (k % 3 - 1)) for k in range(runs)]


class Watched:
    """A listener that keeps what it hears, and may interrupt."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.seen: list[str] = []
        self.warnings: list[str] = []
        self.left = -1
        self.stop_after = stop_after

    def traced(self, blocks: int) -> None:
        pass

    def planned(self, plan, left) -> None:
        self.left = left

    def visited(self, done, total, probe, visit) -> None:
        self.seen.append(probe.id)
        if len(self.seen) == self.stop_after:
            raise KeyboardInterrupt

    def warn(self, text: str) -> None:
        self.warnings.append(text)


@pytest.fixture
def space_file(tmp_path: Path) -> str:
    path = tmp_path / "tiny.yaml"
    path.write_text(SPACE)
    return str(path)


@pytest.fixture
def fake(monkeypatch) -> Fake:
    """The runtime ``fake``."""
    runtime = Fake()

    def load(kind: str, name: str):
        return (lambda threads: runtime) if (kind, name) == ("runtime", "fake") else load_plugin(kind, name)

    load_plugin = plugins.load_plugin
    monkeypatch.setattr("vitnas.hardware.measure.run.plugins.load_plugin", load)
    return runtime


@pytest.fixture
def watched() -> type[Watched]:
    """Makes listeners."""
    return Watched
