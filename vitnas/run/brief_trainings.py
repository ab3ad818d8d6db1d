"""The trainings of a run: with what and by what they are done, and how long one would take."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from vitnas.bench.networks import NetworkBench
from vitnas.bench.trainings import TrainBench, Trainings
from vitnas.errors import InvalidInput
from vitnas.events import Listener
from vitnas.quality.data.dataset import Dataset, load_dataset
from vitnas.quality.data.decoded import Decoded, try_out
from vitnas.run.wanted import who_needs
from vitnas.searching.config import DEFAULT_EPOCHS, DEFAULT_TRAIN_BATCH, SearchConfig
from vitnas.space.files import recipe_of
from vitnas.space.space import Space
from vitnas.store.folder import RunFolder
from vitnas.training.brief import BriefSettings, recipe_of_training, step_seconds
from vitnas.workers.processes import usable_cores
from vitnas.workers.settings import WorkerSettings
from vitnas.workers.tune import expected_epochs, require_tune

if TYPE_CHECKING:
    from vitnas.run.prepare import Setup

TRAININGS = "trainings"  # of a run folder: checkpoints and decoded images
OPTIONS = ("data", "epochs", "train_batch", "learning_rate", "early_stop")


def training_data(config: SearchConfig, space: Space) -> Dataset | None:
    """The images that networks are trained or judged on; None where no quality needs them.

    Raises:
        InvalidInput: settings of a training without one, no data, data that cannot be read, or a recipe that
            cannot be followed.
        MissingExtra: Ray Tune is not installed.
    """
    needed_by, trains = who_needs(config, "data"), bool(who_needs(config, "trainings"))
    if not trains:
        _refuse_settings(config, OPTIONS[1:] if needed_by else OPTIONS)
    if not needed_by:
        return None
    if config.data is None:
        raise InvalidInput(
            f"{needed_by} needs `data`: labelled images, as a folder CLASS/*.jpg or an .npz file"
        )
    if trains:
        _check_training(config, space)
    data = load_dataset(config.data)
    member = space.decode(space.sample(1, np.random.default_rng(config.seed))[0])
    try_out(data, member.in_channels)
    return data


def _check_training(config: SearchConfig, space: Space) -> None:
    rate = config.learning_rate
    if rate is not None and not (rate > 0 and math.isfinite(rate)):
        raise InvalidInput(f"`learning_rate`: expected a number above 0, got {rate:g}")
    require_tune()
    recipe_of_training(recipe_of(space))


def _refuse_settings(config: SearchConfig, settings: Sequence[str]) -> None:
    for name in settings:
        if getattr(config, name) is not None:
            raise InvalidInput(
                f"`{name}` is for trainings, and quality '{'+'.join(config.qualities)}' trains nothing "
                "(`quality` train, or a rung `then` train:16)"
            )


def brief_settings(config: SearchConfig, workers: WorkerSettings) -> BriefSettings:
    """How each network is trained. A worker sees only the GPU that it was given, as the first."""
    return BriefSettings(
        epochs=config.epochs or DEFAULT_EPOCHS,
        batch=config.train_batch or DEFAULT_TRAIN_BATCH,
        learning_rate=config.learning_rate,
        seed=config.seed,
        device=config.device.partition(":")[0],
        threads=workers.threads,
    )


def shares(config: SearchConfig, workers: int | WorkerSettings) -> WorkerSettings:
    """What the trainings of a run get: on a GPU each a whole one, unless the settings say otherwise."""
    found = WorkerSettings(number=workers) if isinstance(workers, int) else workers
    if found.ray is None:
        number = found.number or max(1, int(usable_cores() / found.cpus_per_worker))
        found = dataclasses.replace(found, ray="local", number=number)
    if config.device.startswith("cuda") and not found.gpus_per_worker:
        found = dataclasses.replace(found, gpus_per_worker=1)
    return found


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
