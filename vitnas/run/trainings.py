"""Brief trainings of a run: what does them, and how long one would take."""

from __future__ import annotations

import numpy as np

from vitnas.bench.networks import NetworkBench
from vitnas.bench.trainings import TrainBench, Trainings
from vitnas.events import Listener
from vitnas.quality.data.decoded import Decoded
from vitnas.run.prepare import Setup
from vitnas.run.train_settings import brief_settings, shares
from vitnas.space.files import recipe_of
from vitnas.store.folder import RunFolder
from vitnas.training.brief import step_seconds
from vitnas.workers.settings import WorkerSettings
from vitnas.workers.tune import expected_epochs

TRAININGS = "trainings"  # of a run folder: checkpoints and decoded images


def train_bench(
    setup: Setup, folder: RunFolder, bench: NetworkBench, workers: int | WorkerSettings, listener: Listener
) -> TrainBench:
    """What trains the networks of a run, into the log of ``bench``, whose workers rest meanwhile."""
    assert setup.data is not None
    config, space = setup.config, setup.problem.space
    own = shares(config, workers)
    engine = Trainings(
        bench.log,
        space,
        setup.data,
        brief_settings(config, own),
        early_stop=config.early_stop is not False,
        folder=folder.path / TRAININGS,
        shares=own,
        listener=listener,
        pool=bench.workers,
    )
    return TrainBench(setup.table, engine, config.device)


def training_seconds(setup: Setup) -> float:
    """Of a training on one worker, on average, from a few steps on noise."""
    assert setup.data is not None
    config, data = setup.config, setup.data
    settings = brief_settings(config, shares(config, 1))
    architecture = setup.problem.space.decode(setup.pool[0])
    side, channels = architecture.resolution_px, architecture.in_channels
    labels = np.zeros(settings.batch, np.int64)
    noise = np.random.default_rng(0).integers(0, 256, (settings.batch, channels, side, side), np.uint8)
    flat = np.full(channels, 128, np.float32)
    some = Decoded(noise, labels, noise, labels, flat, flat, data.classes)
    seconds = step_seconds(architecture, some, settings, recipe_of(setup.problem.space))
    steps = max(len(data.train) // settings.batch, 1) + len(data.validation) / settings.batch / 3
    return seconds * steps * expected_epochs(settings.epochs, config.early_stop is not False)
