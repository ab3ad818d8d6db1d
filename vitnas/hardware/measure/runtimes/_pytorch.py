"""What PyTorch's two runtimes share: where a module runs, with how many threads, and how it is timed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from vitnas.errors import InvalidInput
from vitnas.hardware.measure.runtime import RuntimeConditions, operating_system, processor, wall_times_ms

Call = Callable[[Tensor], Tensor | tuple[Tensor, ...]]


class Place:
    """The GPU if there is one (float16, channels last), else the CPU (float32).

    Raises:
        InvalidInput: threads are asked of a GPU.
    """

    def __init__(self, threads: int) -> None:
        self.on_gpu = torch.cuda.is_available()
        self.threads = 0 if self.on_gpu else threads
        if self.on_gpu and threads != 1:
            raise InvalidInput(
                f"`threads` {threads} means nothing on a GPU; leave it out, or hide the GPU "
                "with CUDA_VISIBLE_DEVICES="
            )

    def conditions(self, how: str) -> RuntimeConditions:
        """Of PyTorch, run in the way ``how``."""
        cuda = f", CUDA {torch.version.cuda}" if self.on_gpu else ""
        return RuntimeConditions(
            device=torch.cuda.get_device_name() if self.on_gpu else processor(),
            runtime=f"PyTorch {torch.__version__}, {how}{cuda}",
            os=operating_system(),
            compute_units="GPU" if self.on_gpu else "CPU",
            dtype="float16" if self.on_gpu else "float32",
            threads=self.threads,
        )

    def move(self, module: nn.Module, example: Tensor) -> tuple[nn.Module, Tensor]:
        """Both as they are run here; the module itself is moved."""
        module = module.eval()
        if not self.on_gpu:
            return module, example
        maps = torch.channels_last if example.ndim == 4 else torch.preserve_format
        module = module.to("cuda", torch.float16, memory_format=torch.channels_last)  # type: ignore[call-overload]
        return module, example.to("cuda", torch.float16, memory_format=maps)

    @contextlib.contextmanager
    def active(self) -> Iterator[None]:
        """Inference, with this many threads while it lasts."""
        before = torch.get_num_threads()
        if self.threads:
            torch.set_num_threads(self.threads)
        try:
            with torch.inference_mode():
                yield
        finally:
            torch.set_num_threads(before)


class OnPytorch:
    """A `vitnas.hardware.measure.runtime.Runtime` of PyTorch without its ``prepare``.

    Attributes:
        how: networks are run.
    """

    eager = False
    how: ClassVar[str]

    def __init__(self, threads: int = 1) -> None:
        self._place = Place(threads)

    def conditions(self) -> RuntimeConditions:
        """Version, device and threads."""
        return self._place.conditions(self.how)


class TimedCall:
    """A `vitnas.hardware.measure.runtime.Timed` of a PyTorch function."""

    def __init__(self, place: Place, call: Call, example: Tensor) -> None:
        self._place, self._call, self._example = place, call, example

    def times_ms(self, runs: int) -> list[float]:
        """Wall time of each call; on a GPU the time between two events around it."""
        with self._place.active():
            if self._place.on_gpu:
                return [self._gpu_ms() for _ in range(runs)]
            return wall_times_ms(lambda: self._call(self._example), runs)

    def outputs(self) -> Tensor:
        """The first output."""
        with self._place.active():
            out = self._call(self._example)
        return (out if isinstance(out, Tensor) else out[0]).float().cpu()

    def _gpu_ms(self) -> float:
        event: Any = torch.cuda.Event  # untyped
        start, end = event(enable_timing=True), event(enable_timing=True)
        start.record()
        self._call(self._example)
        end.record()
        end.synchronize()
        return float(start.elapsed_time(end))
