"""Functions and items as bytes: a function travels to each worker once and is known by its digest there."""

from __future__ import annotations

import hashlib
import pickle
import sys
from collections.abc import Callable
from typing import Any

from vitnas.errors import InvalidInput, describe
from vitnas.workers.pool import Failure
from vitnas.workers.serial import attempt

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


class Functions:
    """The driver's side: the bytes of each function that was ever submitted."""

    def __init__(self) -> None:
        self.encoded: dict[str, bytes] = {}
        self._last: tuple[Callable[[Any], Any], str] | None = None

    def digest(self, function: Callable[[Any], Any]) -> str:
        """The name of a function, which is encoded unless it is the same object as before.

        Raises:
            InvalidInput: it cannot be sent.
        """
        if self._last is not None and self._last[0] is function:
            return self._last[1]
        try:
            data = pickle.dumps(function)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise InvalidInput(f"workers can only run importable functions: {describe(error)}") from None
        digest = hashlib.sha256(data).hexdigest()
        self.encoded[digest] = data
        self._last = (function, digest)
        return digest


def encode(item: Any) -> bytes:
    """An item as it travels.

    Raises:
        InvalidInput: it cannot be sent.
    """
    try:
        return pickle.dumps(item)
    except Exception as error:
        raise InvalidInput(f"a task cannot be sent to a worker: {describe(error)}") from None


def call(function: Callable[[Any], Any] | Failure, item: bytes, threads: int) -> bytes:
    """The worker's side: run a task, and encode what came out."""
    answer = function if isinstance(function, Failure) else attempt(_run, (function, item, threads))
    try:
        return pickle.dumps(answer)
    except Exception as error:
        return pickle.dumps(Failure(f"the result cannot be sent: {describe(error)}"))


def _run(task: tuple[Callable[[Any], Any], bytes, int]) -> Any:
    function, item, threads = task
    torch = sys.modules.get("torch")  # imported by now if the function's module needs it
    if torch is not None and torch.get_num_threads() != threads:
        torch.set_num_threads(threads)
    return function(pickle.loads(item))
