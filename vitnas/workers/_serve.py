"""The life of a worker process."""

from __future__ import annotations

import os
import pickle
import signal
import threading
from collections.abc import Callable
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from typing import Any

from vitnas import plugins
from vitnas.workers._calls import call
from vitnas.workers.pool import Failure
from vitnas.workers.serial import attempt

READY = b"ready"  # no pickle: this process waits for tasks
STARTED = b""  # a function that was new is loaded; its task begins now


def serve(pipe: Connection, threads: int) -> None:
    """Run tasks until the pipe closes. A task is (digest, bytes of a function that is new or None, item)."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    threading.Thread(target=_end_with_parent, daemon=True).start()
    plugins.obey()
    functions: dict[str, Callable[[Any], Any] | Failure] = {}
    try:
        pipe.send_bytes(READY)
        while True:
            digest, function, item = pickle.loads(pipe.recv_bytes())
            if function is not None:
                functions[digest] = attempt(pickle.loads, function)
                pipe.send_bytes(STARTED)
            pipe.send_bytes(call(functions[digest], item, threads))
    except (EOFError, OSError):
        return


def _end_with_parent() -> None:
    """End this process in the middle of its task when the parent has died, however it died."""
    parent = parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
