"""Trains the hybrids of a plan, one at a time; each finished job is one line, whatever ends the process."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _hybrid_plan import TRUTH, Training, hybrid_space

from vitnas.quality.data.dataset import load_dataset
from vitnas.quality.data.decoded import Decoded, decode, open_decoded
from vitnas.space.files import recipe_of
from vitnas.store.system import try_lock
from vitnas.training.brief import BriefSettings, NotFinite, train_briefly

IMAGES_AN_EPOCH = 25_000  # the first of the file, which holds every class equally often
BATCH = 128
RESULTS = "results.jsonl"
SHIPPED = TRUTH / "hybrid32.results.jsonl"


def images(file: Path, work: Path) -> Decoded:
    """Decoded once into the folder; the last 5,000 training images are held out, test is not read."""
    data = open_decoded(decode(load_dataset(file), work, 32, 3))
    return dataclasses.replace(
        data, train=data.train[:IMAGES_AN_EPOCH], train_labels=data.train_labels[:IMAGES_AN_EPOCH]
    )


def read_results(work: Path) -> list[dict[str, Any]]:
    """The finished jobs of the repository and of the folder; a line that was cut off is none."""
    found: dict[str, dict[str, Any]] = {}
    for file in (SHIPPED, work / RESULTS):
        for line in file.read_text(encoding="utf-8").splitlines() if file.is_file() else []:
            with contextlib.suppress(json.JSONDecodeError):
                record = json.loads(line)
                found.setdefault(record["job"], record)
    return list(found.values())


def run(jobs: Sequence[Training], data: Decoded, work: Path, *, seconds: float, most: int) -> None:
    """Train what is not done yet and no other process is at, in order, within the limits."""
    started, done = time.monotonic(), 0
    for job in jobs:
        if done >= most or time.monotonic() - started > seconds:
            return
        if job.id in {record["job"] for record in read_results(work)}:
            continue
        with _claimed(work / f"{job.id}.lock") as ours:
            if ours and job.id not in {record["job"] for record in read_results(work)}:
                record = train(job, data, work / f"{job.id}.training")
                append(work / RESULTS, record)
                shutil.rmtree(work / f"{job.id}.training", ignore_errors=True)
                done += 1
                print(f"{job.id} {record['accuracies'][-1:]} {record['seconds']:.0f} s", flush=True)


def train(job: Training, data: Decoded, folder: Path | None) -> dict[str, Any]:
    """The line of a job: accuracy (%) on the held-out images after each epoch."""
    space = hybrid_space()
    architecture = space.decode(np.frombuffer(bytes.fromhex(job.network.genome), np.uint8))
    settings = BriefSettings(epochs=job.epochs, batch=BATCH, seed=job.seed)
    record: dict[str, Any] = {
        "job": job.id,
        "network": job.network.id,
        "seed": job.seed,
        "epochs": job.epochs,
    }
    accuracies: list[float] = []
    began = time.process_time()
    try:
        train_briefly(
            architecture, data, settings, recipe_of(space), folder, lambda _, value: accuracies.append(value)
        )
    except NotFinite as problem:
        record["failure"] = str(problem)
    return record | {"accuracies": accuracies, "seconds": round(time.process_time() - began, 1)}


def append(file: Path, record: dict[str, Any]) -> None:
    """One line at the end, on the disk when this returns; a line cut off before it stays apart."""
    with _claimed(file.with_suffix(".append"), wait=True), file.open("a+b") as stream:
        stream.seek(max(stream.seek(0, os.SEEK_END) - 1, 0))
        apart = b"" if stream.read(1) in (b"", b"\n") else b"\n"
        stream.write(apart + json.dumps(record).encode() + b"\n")
        stream.flush()
        os.fsync(stream.fileno())


@contextlib.contextmanager
def _claimed(file: Path, *, wait: bool = False) -> Iterator[bool]:
    """Whether we hold the file's lock, which ends with the process at the latest."""
    with file.open("a") as stream:
        ours = try_lock(stream.fileno())
        while wait and ours is False:
            time.sleep(0.05)
            ours = try_lock(stream.fileno())
        yield ours is not False
    if ours and not wait:
        file.unlink(missing_ok=True)
