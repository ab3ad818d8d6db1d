"""What the trainings of a run are done with, checked before anything expensive begins."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from vitnas.cost.table import CostTable
from vitnas.errors import InvalidInput
from vitnas.quality.data.dataset import Dataset, load_dataset
from vitnas.quality.data.decoded import try_out
from vitnas.run.wanted import who_needs
from vitnas.searching.config import DEFAULT_EPOCHS, DEFAULT_TRAIN_BATCH, SearchConfig
from vitnas.space.activity import Genomes
from vitnas.space.files import recipe_of
from vitnas.space.space import Space
from vitnas.training.brief import BriefSettings, recipe_of_training
from vitnas.training.length import Length, length_of_seconds
from vitnas.workers.processes import usable_cores
from vitnas.workers.settings import WorkerSettings
from vitnas.workers.tune import require_tune

OPTIONS = ("data", "epochs", "seconds", "train_batch", "learning_rate", "early_stop")


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
    for name in ("learning_rate", "seconds"):
        value = getattr(config, name)
        if value is not None and not (value > 0 and math.isfinite(value)):
            raise InvalidInput(f"`{name}`: expected a number above 0, got {value:g}")
    require_tune()
    recipe_of_training(recipe_of(space))


def _refuse_settings(config: SearchConfig, settings: Sequence[str]) -> None:
    for name in settings:
        if getattr(config, name) is not None:
            raise InvalidInput(
                f"`{name}` is for trainings, and quality '{'+'.join(config.qualities)}' trains nothing "
                "(`quality` train, or a rung `then` train:16)"
            )


def training_length(config: SearchConfig, table: CostTable, pool: Genomes, data: Dataset) -> Length:
    """How long each training is; seconds are those of the pool's median network."""
    if config.seconds is None:
        return Length(config.epochs or DEFAULT_EPOCHS)
    batch, available = config.train_batch or DEFAULT_TRAIN_BATCH, len(data.train)
    return length_of_seconds(config.seconds, table.price(pool)["macs"], batch, available)


def brief_settings(config: SearchConfig, workers: WorkerSettings, length: Length) -> BriefSettings:
    """How each network is trained. A worker sees only the GPU that it was given, as the first."""
    return BriefSettings(
        epochs=length.epochs,
        images=length.images,
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
