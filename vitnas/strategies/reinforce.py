"""As-ViT's search: a policy of independent categoricals, one for each gene, improved by REINFORCE."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitnas.strategies import Batch, Genomes, Option, Problem, State, Strategy, restore_rng, rng_state

DECAY = (0.9, 0.999)  # of Adam's moments
DRAWS, ROUNDS = 64, 32  # samples of the policy that are tried for one within the budgets


class Reinforce(Strategy):
    """As-ViT's REINFORCE: learns which choice of each gene pays; 500 steps of one sample.

    The reward of a sample is, over all that is maximised (the members of a combined quality one by one, and
    costs negated), the sum of the change against the sample before, divided by the range of the last 20: the
    scale of a part has no say. Where scoring failed or a budget is exceeded, the reward is the worst that
    there is, minus the number of parts, and the next change is against the sample before that one. Genes
    without an effect in a sample learn nothing from it.

    With budgets only samples within them are proposed: the policy is drawn from until there is one, at last
    a random feasible genome takes its place (and teaches the policy where they are).

    Source: As-ViT (Chen et al., ICLR 2022, arXiv 2202.11921); Williams 1992. Adam, learning rate 0.08,
    moving-average baseline of momentum 0.9.

    Args:
        problem: what is searched.
        seed: of all draws.
        population: samples of one step, which share its update; 1 by default.
    """

    trials = 500  # a step is one trial, also where the policy repeats itself
    counts_repeats = True
    learns_parts = True
    stream = 105
    learning_rate = Option(0.08, "of Adam", least=0)
    momentum = Option(0.9, "of the moving average that a reward is compared with", least=0, most=0.999)
    window = Option(20, "samples whose range is the scale of a change", least=2)

    def __init__(self, problem: Problem, seed: int, **settings: Any) -> None:
        super().__init__(problem, seed, **settings)
        self._samples = self.population or 1
        cardinalities = np.asarray(problem.space.cardinalities, dtype=np.int64)
        self._open = np.arange(max(cardinalities.max(initial=1), 1)) < cardinalities[:, None]  # (G, C)
        self._logits = np.zeros(self._open.shape)
        self._moments = np.zeros((2, *self._open.shape))
        self._steps = 0
        self._baseline = np.zeros(2)  # sum of weighted rewards, and of weights
        self._window: NDArray[np.float64] = np.zeros((0, 0))  # parts of the last samples

    def probabilities(self) -> NDArray[np.float64]:
        """Of each gene's choices (G, C); 0 beyond the last choice."""
        raised = np.where(self._open, np.exp(self._logits - self._logits.max(axis=1, keepdims=True)), 0.0)
        return np.asarray(raised / raised.sum(axis=1, keepdims=True))

    def choice(self) -> Genomes:
        """The policy's most likely genome (1, G), which As-ViT takes.

        Where that exceeds the budgets, the most likely one of those that the policy gives and that do not;
        none (0, G) if it gives none.
        """
        likely = np.where(self._open, self._logits, -np.inf).argmax(axis=1)
        mode = self.problem.space.canonical(likely[None].astype(np.uint8))
        if self.problem.feasible(mode).all():
            return mode
        drawn = self._drawn(DRAWS * ROUNDS, np.random.default_rng(self._steps))
        chances = self.probabilities()[np.arange(drawn.shape[1]), drawn]
        found = [self.problem.space.activity.active(genome) for genome in drawn]
        active = np.array(found, dtype=np.bool_).reshape(drawn.shape)
        order = np.argsort(-np.where(active, np.log(chances), 0.0).sum(axis=1), kind="stable")
        best: Genomes = drawn[order[:1]]
        return best

    def ask(self, n: int) -> Genomes:
        """The samples of one step, at most ``n``; they may repeat."""
        wanted = min(n, self._samples)
        found = self._drawn(wanted, self.rng)
        for _ in range(ROUNDS):
            if len(found) == wanted:
                return found
            found = np.concatenate([found, self._drawn(DRAWS, self.rng)])[:wanted]
        missing = wanted - len(found)
        return np.concatenate([found, self.problem.sample_feasible(missing, self.rng)])

    def _drawn(self, n: int, rng: np.random.Generator) -> Genomes:
        """Those of ``n`` samples of the policy that are within the budgets."""
        edges = self.probabilities().cumsum(axis=1)[:, :-1]
        drawn = (rng.random((n, len(edges), 1)) > edges).sum(axis=2)
        genomes = self.problem.space.canonical(np.minimum(drawn, self._open.sum(axis=1) - 1).astype(np.uint8))
        within: Genomes = genomes[self.problem.feasible(genomes)]
        return within

    def tell(self, batch: Batch) -> None:
        """One step of policy gradient."""
        parts = -batch.objectives if batch.parts is None else batch.parts
        likely = self.probabilities()
        gradient = np.zeros_like(self._logits)
        for genome, row in zip(batch.genomes, parts, strict=True):
            gain = self._advantage(self._reward(row))
            active = self.problem.space.activity.active(genome)
            gradient[active] -= gain * likely[active]
            gradient[active, genome[active]] += gain
        self._climb(gradient / max(len(batch.genomes), 1))

    def _reward(self, parts: NDArray[np.float64]) -> float:
        """Sum over parts (K,) of the change in units of the recent range."""
        if not np.isfinite(parts).all():
            return -float(len(parts))
        self._window = np.concatenate([self._window.reshape(-1, len(parts)), parts[None]])[-self.window :]
        if len(self._window) == 1:
            return 0.0
        span = np.ptp(self._window, axis=0)
        change = self._window[-1] - self._window[-2]
        return float(np.divide(change, span, out=np.zeros_like(span), where=span > 0).sum())

    def _advantage(self, reward: float) -> float:
        """What the reward has above the moving average, itself included."""
        self._baseline = self.momentum * self._baseline + (1 - self.momentum) * np.array([reward, 1.0])
        return float(reward - self._baseline[0] / self._baseline[1])

    def _climb(self, gradient: NDArray[np.float64]) -> None:
        """Adam (Kingma & Ba 2015), upwards."""
        self._steps += 1
        for moment, decay, power in zip(self._moments, DECAY, (1, 2), strict=True):
            moment *= decay
            moment += (1 - decay) * gradient**power
        mean, square = (m / (1 - decay**self._steps) for m, decay in zip(self._moments, DECAY, strict=True))
        self._logits += self.learning_rate * mean / (np.sqrt(square) + 1e-8)

    def state(self) -> State:
        """Policy, optimiser, baseline, the last samples' parts and the generator's state."""
        return {
            "rng": rng_state(self.rng),
            "logits": self._logits,
            "moments": self._moments,
            "steps": np.array(self._steps),
            "baseline": self._baseline,
            "window": self._window,
        }

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from a state."""
        restore_rng(self.rng, state["rng"])
        self._steps = int(state["steps"])
        for name in ("logits", "moments", "baseline", "window"):
            setattr(self, f"_{name}", np.array(state[name], dtype=np.float64))
