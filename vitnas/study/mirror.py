"""A study that is kept up while a search runs, by a thread beside it that the search never waits for."""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from vitnas.errors import VitnasError
from vitnas.events import Listener, Silent
from vitnas.run.prepare import Setup
from vitnas.store.folder import RunFolder
from vitnas.study.sync import StudySync
from vitnas.study.trials import RunTrials, recorded_quality, study_spec
from vitnas.study.url import StorageUrl
from vitnas.study.writer import require_driver

FRONT = 1000  # networks of a front of thousands, evenly chosen; more would not get over in that time
AT_ONCE = 1 << 16  # bytes of the log
OPTION = "`mirror`"


@dataclass(frozen=True)
class Pace:
    """How often a mirror works.

    Attributes:
        poll_s: between two looks at the log.
        share: of the time at most, the thread works: it takes the interpreter's lock from the driver.
        retry_s: after a failure: first and longest.
        last_s: that the search waits for what is left in the end.
    """

    poll_s: float = 1.0
    share: float = 0.1
    retry_s: tuple[float, float] = (5.0, 60.0)
    last_s: float = 30.0


class Mirror:
    """Writes a running search into a study.

    It reads the run's folder as any other process might, and writes nothing there. What goes wrong is said
    once, and tried again; the search and its result know nothing of it.

    Args:
        url: of the storage.
        setup: of the run.
        folder: the run's.
        listener: is told once if something goes wrong, from the mirror's thread.
        pace: how often it looks, and how long the search waits for it.
    """

    def __init__(
        self,
        url: StorageUrl,
        setup: Setup,
        folder: RunFolder,
        listener: Listener,
        *,
        pace: Pace = Pace(),
    ) -> None:
        self.url = url
        self.setup = setup
        self.folder = RunFolder(folder.path)
        self.folder.manifest = dict(folder.manifest)
        self.listener = listener
        self.pace = pace
        self._sync: StudySync | None = None
        self._over = threading.Event()
        self._done = threading.Event()
        self._said = threading.Lock()  # taken for good by whoever says the one thing that is said
        # a daemon: a storage that does not answer must not keep the process alive
        self._thread = threading.Thread(target=self._run, name="mirror", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join(self.pace.last_s)
        if not self._done.is_set():
            self._say(f"did not get everything over within {self.pace.last_s:g} s")

    def _run(self) -> None:
        pause = self.pace.poll_s
        while not self._over.wait(pause):
            started = time.monotonic()
            found = self._try(self._follow)
            if found is None:
                pause = min(max(2 * pause, self.pace.retry_s[0]), self.pace.retry_s[1])
            else:
                pause = max(
                    0.0 if found else self.pace.poll_s, (time.monotonic() - started) / self.pace.share
                )
        if self._try(self._finish) is not None:
            self._done.set()

    def _try(self, step: Callable[[StudySync], bool]) -> bool | None:
        """Whether there was something to do; None if it went wrong."""
        try:
            if self._sync is None:
                self._sync = self._begin()
            return self._sync is not None and step(self._sync)
        except Exception as problem:  # whatever it is, the search goes on
            self._sync = None  # its connection may be dead: begin again, and read what is there
            reason = str(problem) if isinstance(problem, VitnasError) else repr(problem)
            self._say(self.url.scrub(reason))
            return None

    def _follow(self, sync: StudySync) -> bool:
        return sync.follow(AT_ONCE)

    def _finish(self, sync: StudySync) -> bool:
        sync.finish(Silent())
        sync.writer.close()
        return True

    def _begin(self) -> StudySync | None:
        """None while the run has no quality yet."""
        from vitnas.study.writer import StudyWriter

        recorded = recorded_quality(self.setup, self.folder)
        if recorded is None:
            return None
        writer = StudyWriter(self.url, study_spec(self.setup, self.folder))
        return StudySync(self.setup, self.folder, writer, RunTrials(self.setup, recorded), FRONT)

    def _say(self, reason: str) -> None:
        """Say once that the study lacks something, and how it gets it."""
        if not self._said.acquire(blocking=False):
            return
        again = f"vitnas study {self.folder.path}"
        where = "" if reason.startswith(OPTION) else f"{OPTION}: {self.url}: "
        with contextlib.suppress(Exception):  # a listener that fails is its own affair
            self.listener.warn(f"{where}{reason}; the search goes on, and afterwards '{again}' adds the rest")


def mirroring(url: str | None) -> Callable[[Setup, RunFolder, Listener], Mirror] | None:
    """What makes a mirror of a run, for ``beside`` of `vitnas.run.search.run_search`; None without a URL.

    Raises:
        StorageError: it is no URL of a database, or one whose driver is not installed.
    """
    if url is None:
        return None
    storage = StorageUrl(url, OPTION)
    require_driver(storage)
    return functools.partial(Mirror, storage)
