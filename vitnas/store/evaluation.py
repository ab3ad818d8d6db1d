"""One line of the log: what was learned of one network by building it."""

from __future__ import annotations

from typing import Any, TypedDict


class Evaluation(TypedDict, total=False):
    """A record of ``evaluations.jsonl``; keys that do not apply are absent.

    Attributes:
        task: what was done, of which network, with which seed; no task stands twice in a log.
        id: of the architecture.
        genome: its genes' choices.
        costs: figure -> value, named as in `vitnas.cost.priced`; latency_ms is None without a device.
        scores: proxy -> value as the proxy defines it.
        failures: proxy -> why it has no score.
        seconds: that the proxies took, building included.
        health: one forward and backward pass, see ``vitnas.quality.health.Health``.
        out_of_domain: why a device's prediction would be a guess.
        epochs: that it was trained, with ``scores["train"]`` its validation accuracy (%) after the last.
        accuracies: after each of them (%).
        stopped: whether its training was ended early because others were better.
        failure: why there is nothing of the above: the task raised, or its worker died.
    """

    task: str
    id: str
    genome: list[int]
    costs: dict[str, float | int | None]
    scores: dict[str, float]
    failures: dict[str, str]
    seconds: float
    health: dict[str, Any]
    out_of_domain: list[str]
    epochs: int
    accuracies: list[float]
    stopped: bool
    failure: str
