"""``vitnas.scale``: from keywords to a family."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

from vitnas.api.family import Family, resumed
from vitnas.api.inputs import read_all
from vitnas.api.keywords import (
    RULE_READERS,
    SCALE_READERS,
    ScaleKeywords,
    budgets_of,
    refuse_beside_resume,
    workers_of,
)
from vitnas.api.signature import with_keywords
from vitnas.api.watching import watching
from vitnas.arch.schema import Architecture
from vitnas.errors import InvalidInput
from vitnas.scaling.scale_config import RULES, ScaleConfig


@with_keywords(ScaleKeywords)
def scale(file: Any = None, **settings: Unpack[ScaleKeywords]) -> Family:
    """Scale one network into a family: S, M, L; every keyword is an option of the command.

    ``vitnas.scale("efficientformer:s0", to=["6M", "12M"], rule="compound", target="iphone12")``

    Args:
        file: the network, as in :func:`vitnas.load_architecture`.
        to: numbers of parameters, ascending.
        rule: ``asvit`` (grow, the child with the best proxies survives), ``compound`` (depth, width and
            resolution together) or ``contract`` (shrink step by step, under bounds).
        target, batch: devices for latencies; images in a call.
        max_latency and so on: limits of every network, as in :func:`vitnas.search`.
        proxies: that decide between children; ``compound`` decides nothing, its networks get scores.
        width_multiple, max_width, proxy_width, overshoot, depth_ratio, width_ratio, resolution_ratio, shrink,
            repeats: settings of the rules.
        images, device, seed: what proxies see, where they compute, what they draw from.
        name, out, resume: of the run; the folder of runs; a run to go on with.
        workers, ray, cpus_per_worker, gpus_per_worker, candidate_timeout, trust, progress: as in
            :func:`vitnas.search`.

    Returns:
        the family; sizes that were not reached are in ``family.missed``. Ctrl-C, or the interrupt of a
        notebook, ends it in state ``interrupted``: go on with ``family.resume()``.

    Raises:
        InvalidInput: a keyword, file or size is wrong; one line names it.
        NothingFeasible: no size was reached, or no child could be scored.
        RunError: the run folder cannot be used.
    """
    from vitnas.scaling.run_scale import run_scale

    values = read_all(SCALE_READERS, {"file": file, **settings}, of="scale")
    values.pop("trust", None)
    if "resume" in values and "file" not in values:
        return resumed(values)
    config = scale_config(values)
    network = values["file"] if isinstance(values["file"], Architecture) else None
    if "resume" in values:
        refuse_beside_resume(values, "name", "out")
        return resumed(values, config, network)
    workers, root, name = workers_of(values), values.get("out", "runs"), values.get("name")
    with watching(values.get("progress")) as watch:
        return Family.of(
            lambda: run_scale(config, root=root, name=name, workers=workers, listener=watch, network=network)
        )


def scale_config(values: Mapping[str, Any]) -> ScaleConfig:
    """Settings of a family from keywords that were read.

    Raises:
        InvalidInput: one is missing or wrong.
    """
    if "file" not in values:
        known = "an architecture file or a published network (SPACE:NAME)"
        raise InvalidInput(f"name {known}, or `resume` a run")
    if "to" not in values:
        raise InvalidInput("`to` is missing: numbers of parameters, such as 5M,12M,26M")
    if "rule" not in values:
        raise InvalidInput(f"`rule` is missing: one of {', '.join(RULES)}")
    file = values["file"]
    kept = ("rule", "target", "batch", "proxies", "images", "device", "seed")
    return ScaleConfig(
        file=file.name if isinstance(file, Architecture) else file,
        sizes=values["to"],
        budgets=budgets_of(values),
        settings={name: values[name] for name in RULE_READERS if name in values},
        **{name: values[name] for name in kept if name in values},
    )
