"""A quality as a user names it: ``capacity``, ``./mine.py``, ``naswot+capacity``."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vitnas import plugins
from vitnas.errors import InvalidInput, VitnasError, unknown
from vitnas.quality.base import BATCH, TRIALS, FitContext, Quality, Rates
from vitnas.quality.combined import COMBINATIONS, SAMPLE, Combination, Combined
from vitnas.quality.proxy import ProxyQuality

REQUIRED = {"genomes": "score", "networks": "measure", "trainings": "read"}


@dataclass(frozen=True)
class QualityName:
    """One quality or several, by name; of a kind that is known before anything is fitted.

    Attributes:
        names: of its parts, one or several.
        combine: how they are combined, one of `COMBINATIONS`.
        classes: of its parts.
    """

    names: tuple[str, ...]
    combine: str
    classes: tuple[type[Quality], ...]

    @property
    def rates(self) -> Rates:
        """What the whole rates: networks, if one of its parts does."""
        return next((cls.rates for cls in self.classes if cls.rates != "genomes"), "genomes")

    @property
    def is_compared(self) -> bool:
        """Whether scores of other networks are needed to make one of its scores."""
        return len(self.classes) > 1 or self.classes[0].standardised

    @property
    def is_expensive(self) -> bool:
        """Whether every score is worth a line of the log."""
        return self.rates != "genomes"

    @property
    def trials(self) -> int:
        """Candidates of a search that is not told how many."""
        return (len(self.classes) == 1 and self.classes[0].trials) or TRIALS[self.rates]

    @property
    def batch(self) -> int:
        """Candidates that are scored together, where nobody says how many."""
        return (len(self.classes) == 1 and self.classes[0].batch) or BATCH[self.rates]

    def needs(self, what: str) -> bool:
        """Whether one of its parts needs ``labels``, ``data`` or ``trainings``."""
        return any(what in (*cls.needs, cls.rates) for cls in self.classes)

    def fit(self, context: FitContext) -> Quality:
        """The quality of a run, if it reads no networks."""
        parts = self.fit_parts(context)
        return self.join(parts, lambda: [part.values(context.pool[:SAMPLE], ()).tolist() for part in parts])

    def fit_parts(
        self, context: FitContext, states: Mapping[str, Mapping[str, Any]] | None = None
    ) -> tuple[Quality, ...]:
        """Its parts, those with a state by name restored, the others fitted."""
        kept = states or {}
        return tuple(
            restored(context, kept[name]) if name in kept else _named(name, cls.fit(_with(context, name)))
            for name, cls in zip(self.names, self.classes, strict=True)
        )

    def join(self, parts: Sequence[Quality], samples: Callable[[], Sequence[Sequence[float]]]) -> Quality:
        """The whole of its fitted parts.

        Args:
            parts: one or several.
            samples: gives each part's finite scores of some networks; where there are several parts, their
                scores are compared with these, see `Combination`.
        """
        if not self.is_compared:
            return parts[0]
        return Combined(parts, Combination.of(self.combine, parts, samples()))

    def states(self, parts: Sequence[Quality]) -> dict[str, dict[str, Any]]:
        """What a run keeps of its parts, by name: nothing of proxies."""
        return {part.name: saved(part) for part in parts if not isinstance(part, ProxyQuality)}

    @property
    def has_states(self) -> bool:
        """Whether `states` is not empty."""
        return any(not issubclass(cls, ProxyQuality) for cls in self.classes)


def parse_quality(text: str, combine: str | None = None, *, where: str = "") -> QualityName:
    """A quality, or several as ``a+b``.

    Args:
        text: as the user gave it.
        combine: how several are combined; None for the first of `COMBINATIONS`.
        where: the setting to name in errors.

    Raises:
        InvalidInput: a name is missing or stands twice; a quality that cannot be combined; a plug-in that
            is no quality.
        UnknownName: neither a quality nor a proxy, or no such combination; suggests the closest one.
    """
    names = split_quality(text, where=where)
    if combine is not None and combine not in COMBINATIONS:
        raise unknown("combination", combine, COMBINATIONS, where="`combine`")
    classes = tuple(quality_class(name, where=where) for name in names)
    alone = next((n for n, cls in zip(names, classes, strict=True) if cls.rates == "trainings"), None)
    if alone is not None and len(names) > 1:
        raise InvalidInput(
            f"{where or f'`quality` {text}'}: '{alone}' is combined with nothing; write it alone"
        )
    return QualityName(names, combine or COMBINATIONS[0], classes)


def split_quality(text: str, *, where: str = "") -> tuple[str, ...]:
    """The names in ``a+b``.

    Raises:
        InvalidInput: a name is missing or stands twice.
    """
    names = tuple(name.strip() for name in text.split("+"))
    if not all(names):
        raise InvalidInput(f"{where or '`quality`'}: a name is missing in '{text}' (write one, or A+B)")
    same = [name.replace("-", "_") for name in names]
    twice = next((name for k, name in enumerate(same) if name in same[:k]), None)
    if twice is not None:
        raise InvalidInput(f"{where or f'`quality` {text}'}: '{twice}' stands twice")
    return names


def quality_class(name: str, *, where: str = "") -> type[Quality]:
    """The class of one quality; every proxy is a `ProxyQuality`, and is not imported for it.

    Raises:
        UnknownName: neither a quality nor a proxy; suggests the closest one.
        PluginError: a plug-in that cannot be imported, is neither, or lacks a method.
    """
    kind = name if name.endswith(".py") else plugins.first_kind(name, "quality", "proxy")
    if kind == "proxy":
        return ProxyQuality
    if kind is None:
        known = [*plugins.list_plugins("quality"), *plugins.list_plugins("proxy")]
        raise unknown("quality", name, known, where=where)
    found = plugins.load_plugin("quality", name)
    if isinstance(found, type) and issubclass(found, Quality):
        return _checked(found, name)
    from vitnas.quality.proxies._base import Proxy

    if isinstance(found, type) and issubclass(found, Proxy):
        return ProxyQuality
    bases = "vitnas.quality.Quality, or from vitnas.quality.proxies.Proxy"
    raise plugins.defect("quality", name, f"must derive from {bases}")


def _checked(cls: type[Quality], name: str) -> type[Quality]:
    """A class that has the method that its kind of quality needs."""
    if cls.rates not in REQUIRED:
        raise plugins.defect("quality", name, f"rates '{cls.rates}', expected {', '.join(REQUIRED)}")
    method = REQUIRED[cls.rates]
    if method != "read" and getattr(cls, method) is getattr(Quality, method):
        problem = f"rates {cls.rates}: it must have the method '{method}'"
        raise plugins.defect("quality", name, problem)
    return cls


def _with(context: FitContext, name: str) -> FitContext:
    return dataclasses.replace(context, name=name)


def _named(name: str, quality: Quality) -> Quality:
    quality.name = name
    return quality


def saved(quality: Quality) -> dict[str, Any]:
    """What a run keeps of a quality, for `restored`."""
    return {"quality": quality.name, **quality.state()}


def restored(context: FitContext, state: Mapping[str, Any]) -> Quality:
    """The quality that a run has saved, with exactly the same scores.

    Raises:
        UnknownName: a quality that is not here.
        InvalidData: the state is damaged, or belongs to another space.
    """
    name = str(state.get("quality"))
    if len(split_quality(name)) > 1:
        return Combined.of_state(state, [restored(context, part) for part in state.get("members", ())])
    return _named(name, quality_class(name).from_state(_with(context, name), state))


def caption(text: str, notes: Sequence[str]) -> str:
    """What stands about the scores of a quality below a table, from what a finished run says of it.

    Args:
        text: the quality as it was asked for; it need not be here any more.
        notes: its notes.
    """
    return _class_or_base(text).caption(text, notes)


def unit_of(text: str) -> str:
    """Unit of a quality's scores, such as ``%``."""
    return _class_or_base(text).unit


def _class_or_base(text: str) -> type[Quality]:
    """The class of a quality by name, without its plug-in that of any."""
    try:
        names = split_quality(text)
        return Combined if len(names) > 1 else quality_class(text)
    except VitnasError:
        return Quality
