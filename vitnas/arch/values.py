"""Values that may be left open: ``choice``, ``range``, ``tied`` and named variables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vitnas.arch.operators import Scalar, is_number
from vitnas.arch.yaml_io import Source
from vitnas.errors import InvalidInput

MAX_CHOICES = 256  # a genome is stored as unsigned bytes


@dataclass(frozen=True)
class Gene:
    """One open value: the key path it was read from and what it may be."""

    name: str
    choices: tuple[Scalar, ...]


@dataclass(frozen=True)
class Open:
    """A value that a gene decides, times a constant factor, or times what a second gene decides."""

    gene: int
    times: int | float = 1
    by: int | None = None

    @property
    def genes(self) -> tuple[int, ...]:
        """The genes that decide it."""
        return (self.gene,) if self.by is None else (self.gene, self.by)


Value = Scalar | Open
Coerce = Callable[[Any], Scalar]
Condition = tuple[int, tuple[bool, ...]]  # this gene is at one of these choices
Use = tuple[Condition, ...]  # all of them hold


def scaled(value: Scalar, times: int | float) -> Scalar:
    """``value * times``, left an integer where it is one."""
    if times == 1 or isinstance(value, bool | str):
        return value
    product = value * times
    return int(product) if float(product).is_integer() else product


def close(value: Value, chosen: Sequence[Scalar]) -> Scalar:
    """The scalar that ``value`` is, given the chosen value of every gene."""
    if not isinstance(value, Open):
        return value
    return _product(value, chosen[value.gene], 1 if value.by is None else chosen[value.by])


def options(value: Value, genes: Sequence[Gene]) -> tuple[Scalar, ...]:
    """All that ``value`` can be, in the order of its genes' choices; of a product, each once."""
    if not isinstance(value, Open):
        return (value,)
    second = (1,) if value.by is None else genes[value.by].choices
    products = (_product(value, a, b) for a in genes[value.gene].choices for b in second)
    return tuple(dict.fromkeys(products)) if value.by is not None else tuple(products)


def _product(value: Open, first: Scalar, second: Scalar) -> Scalar:
    product = scaled(first, value.times)
    return product if value.by is None else scaled(product, second)  # type: ignore[arg-type]


class Reader:
    """Reads values and keeps the genes that they open, and where each gene has an effect."""

    def __init__(self, source: Source, error: type[InvalidInput]) -> None:
        self.source = source
        self.error = error
        self.genes: list[Gene] = []
        self.uses: list[list[Use]] = []
        self.variables: dict[str, Open | Scalar] = {}
        self.used_variables: set[str] = set()

    def fail(self, path: str, problem: str) -> Any:
        """Raise the reader's error at a key path."""
        self.source.fail(self.error, path, problem)

    def options(self, value: Value) -> tuple[Scalar, ...]:
        """All that a value can be."""
        return options(value, self.genes)

    def condition(self, value: Value, holds: Callable[[Scalar], bool]) -> Use:
        """The condition that ``value`` satisfies ``holds``; empty where nothing is open."""
        if isinstance(value, Open):
            assert value.by is None, "a product decides no block"
            return ((value.gene, tuple(holds(option) for option in self.options(value))),)
        return ()

    def used(self, value: Value, use: Use) -> None:
        """Note that ``value`` has an effect under ``use``."""
        for gene in value.genes if isinstance(value, Open) else ():
            self.uses[gene].append(use)

    def read(self, raw: Any, path: str, coerce: Coerce, *, name: str = "") -> Value:
        """One value, which may be open. ``name`` is the gene's, where it differs from ``path``."""
        if not isinstance(raw, Mapping):
            return self._coerced(raw, path, coerce)
        if "var" in raw:
            return self._variable(raw, path, coerce)
        options = tuple(self._coerced(o, path, coerce) for o in self._listed(raw, path))
        if len(set(options)) != len(options):
            self.fail(path, f"a choice stands twice in {list(options)}")
        if len(options) > MAX_CHOICES:
            self.fail(path, f"{len(options)} choices; at most {MAX_CHOICES} can be told apart")
        self.genes.append(Gene(name or path, options))
        self.uses.append([])
        return Open(len(self.genes) - 1)

    def _coerced(self, raw: Any, path: str, coerce: Coerce) -> Scalar:
        try:
            return coerce(raw)
        except ValueError as problem:
            return self.fail(path, str(problem))  # type: ignore[no-any-return]

    def _listed(self, raw: Mapping[str, Any], path: str) -> Sequence[Any]:
        kinds = set(raw) - {"tied"}
        if kinds == {"choice"}:
            choices = raw["choice"]
            if not isinstance(choices, list) or not choices:
                self.fail(path, f"'choice' takes a list with at least one value, got {choices!r:.60}")
            return list(choices)
        if kinds == {"range"}:
            return self._range(raw["range"], path)
        keys = ", ".join(sorted(map(str, raw))) or "nothing"
        return self.fail(  # type: ignore[no-any-return]
            path,
            f"expected a value, {{choice: [...]}}, {{range: [low, high, step]}} or {{var: name}}, got {keys}",
        )

    def _range(self, bounds: Any, path: str) -> list[Scalar]:
        numbers = isinstance(bounds, list) and all(map(is_number, bounds))
        if not numbers or len(bounds) not in (2, 3):
            self.fail(path, f"'range' takes [low, high] or [low, high, step], got {bounds!r:.60}")
        low, high, step = bounds if len(bounds) == 3 else (*bounds, 1)
        if step <= 0 or high < low:
            self.fail(path, f"'range' needs low <= high and step > 0, got {bounds!r:.60}")
        count = int((high - low) / step + 1e-9) + 1
        if count > MAX_CHOICES:
            self.fail(path, f"{count} choices; at most {MAX_CHOICES} can be told apart")
        return [scaled(round(low + k * step, 9), 1) for k in range(count)]

    def _variable(self, raw: Mapping[str, Any], path: str, coerce: Coerce) -> Value:
        extra = set(raw) - {"var", "times"}
        if extra:
            self.fail(path, f"unknown key '{min(map(str, extra))}' beside 'var' (known: var, times)")
        variable, times = self._named(raw["var"], path), raw.get("times", 1)
        if isinstance(times, Mapping) and set(times) == {"var"}:
            return self._multiplied(variable, self._named(times["var"], path), path, coerce)
        if not is_number(times) or times <= 0:
            self.fail(path, f"'times' takes a number above 0 or {{var: name}}, got {times!r:.60}")
        if times != 1:
            self._check_numbers(variable, path)
        if not isinstance(variable, Open):
            return self._coerced(scaled(variable, times), path, coerce)
        return self._checked(Open(variable.gene, times), path, coerce)

    def _named(self, name: Any, path: str) -> Value:
        if not isinstance(name, str) or name not in self.variables:
            known = ", ".join(sorted(self.variables)) or "none"
            self.fail(path, f"unknown variable {name!r:.60} (known: {known})")
        self.used_variables.add(name)
        return self.variables[name]

    def _multiplied(self, first: Value, second: Value, path: str, coerce: Coerce) -> Value:
        """The product of two variables."""
        self._check_numbers(first, path)
        self._check_numbers(second, path)
        if isinstance(first, Open) and isinstance(second, Open):
            if first.gene == second.gene:
                self.fail(path, "'times' multiplies two variables; this is one with itself")
            return self._checked(Open(first.gene, by=second.gene), path, coerce)
        if not isinstance(first, Open) and not isinstance(second, Open):
            return self._coerced(scaled(first, second), path, coerce)  # type: ignore[arg-type]
        varying, constant = (first, second) if isinstance(first, Open) else (second, first)
        assert isinstance(varying, Open)
        return self._checked(Open(varying.gene, constant), path, coerce)  # type: ignore[arg-type]

    def _check_numbers(self, value: Value, path: str) -> None:
        for option in self.options(value):
            if not is_number(option):
                self.fail(path, f"'times' multiplies numbers; a variable can be {option!r}")

    def _checked(self, value: Open, path: str, coerce: Coerce) -> Open:
        for option in self.options(value):
            self._coerced(option, path, coerce)
        return value
