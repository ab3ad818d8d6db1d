"""What trainings on Ray Tune report, handed on as it comes (imports ``ray.tune``)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vitnas.errors import RunError, describe
from vitnas.workers._tune_trial import cause_of_death, note_crash
from vitnas.workers.pool import lost


@dataclass
class Training:
    """What became of a training.

    Attributes:
        values: validation accuracy (%) after each epoch.
        failure: why it ended, if it failed; one line.
        seconds: that it ran in this session.
    """

    values: list[float] = field(default_factory=list)
    failure: str = ""
    seconds: float = 0.0


class Ledger:
    """What trainings have reported so far, handed on as it comes."""

    def __init__(
        self,
        folder: Path,
        timeout_s: float | None,
        progress: Callable[[str, int, float], None],
        finished: Callable[[str, Training], None],
    ) -> None:
        self.folder = folder
        self.timeout_s = timeout_s
        self.progress = progress
        self.finished = finished
        self.problem: BaseException | None = None  # that ends all of it
        self._found: dict[str, Training] = {}

    def reported(self, name: str, result: Mapping[str, Any]) -> None:
        """One more epoch, or what went wrong.

        Raises:
            RunError: something that would go wrong for every training.
        """
        own = self._found.setdefault(name, Training())
        own.seconds = max(own.seconds, result.get("time_total_s", 0.0))
        own.failure = result.get("failure", "")
        if result.get("fatal"):
            raise RunError(own.failure)
        if result["epoch"] == len(own.values) + 1:  # another worker's first reports repeat the epochs before
            own.values.append(result["value"])
            self.progress(name, result["epoch"], result["value"])

    def completed(self, name: str) -> None:
        """A training is over."""
        self.finished(name, self._found.pop(name, Training(failure="ended without a result")))

    def lost_worker(self, name: str, error: Exception | None, *, last: bool) -> None:
        """A training's worker is gone; it gets another one, unless this was the last."""
        from ray.exceptions import RayError

        from vitnas.workers import _ray_cluster as cluster

        if isinstance(error, RayError):
            cluster.check_start(error)
            if cluster.is_crash(error):
                note_crash(self.folder / name, cluster.how(error))
        if last:
            own = self._found.pop(name, Training())
            why = describe(error) if error is not None else lost()
            own.failure = cause_of_death(self.folder / name, self.timeout_s) or why[:300]
            self.finished(name, own)

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """Keep what is raised: Tune would wrap it."""
        try:
            yield
        except BaseException as problem:
            self.problem = problem
            raise


def told(ledger: Ledger) -> Any:
    """The ledger as a callback of Tune's."""
    from ray.tune import Callback

    class Told(Callback):  # type: ignore[misc, unused-ignore]
        def on_trial_result(self, iteration: int, trials: Any, trial: Any, result: Any, **_: Any) -> None:
            with ledger.kept():
                ledger.reported(trial.config["name"], result)

        def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **_: Any) -> None:
            with ledger.kept():
                ledger.completed(trial.config["name"])

        def on_trial_recover(self, iteration: int, trials: Any, trial: Any, **_: Any) -> None:
            with ledger.kept():
                ledger.lost_worker(trial.config["name"], trial.get_pickled_error(), last=False)

        def on_trial_error(self, iteration: int, trials: Any, trial: Any, **_: Any) -> None:
            with ledger.kept():
                ledger.lost_worker(trial.config["name"], trial.get_pickled_error(), last=True)

        def __reduce__(self) -> Any:
            return Callback, ()  # Tune writes its callbacks to a file, which nobody reads

    return Told()
