"""State dicts out of what training tools write. Nothing that a file holds is executed."""

from __future__ import annotations

import collections
import json
import pickle
import re
import types
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vitnas.errors import InvalidData, import_extra, unknown

State = dict[str, Tensor]

FILE_SUFFIXES = (".safetensors", ".pth", ".pt", ".bin", ".ckpt", ".tar", ".pkl", ".json")
FOLDER_FILES = (
    "model.safetensors",
    "pytorch_model.bin",
    "model.safetensors.index.json",
)  # of Trainer, accelerate
# what wrappers (compile, DDP, FSDP, AveragedModel) and pickled modules put between names
WRAPPERS = {"_orig_mod", "module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}
WRAPPERS |= {"_modules", "_parameters", "_buffers"}
BOOKKEEPING = re.compile(r"(^|[._])n_averaged$")  # tensors that are no weights
NO_NETWORK = re.compile(r"optim|sched|scaler|callback|loops|rng|hyper|args|config", re.IGNORECASE)
AVERAGED = re.compile(r"(^|[._])(ema|swa|averaged?)([._]|$)", re.IGNORECASE)
USUAL = ("state_dict", "model", "model_state_dict")  # read before others that hold a network
TIMM_STEMS = {"stem.conv1.weight", "patch_embed.proj.weight"}
REBUILD = {"_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter", "_rebuild_parameter_with_state"}
PARTS = {("collections", "OrderedDict"), ("torch", "Size"), ("torch", "device")}


@dataclass(frozen=True)
class Candidate:
    """A network's weights in a checkpoint.

    Attributes:
        where: what holds it, such as ``model_ema`` or ``state_dict.net``; empty at the top.
        state: names without wrappers, and tensors.
        beside: names that stand next to it and belong to something else.
    """

    where: str
    state: State
    beside: tuple[str, ...] = ()

    @property
    def averaged(self) -> bool:
        """Whether it is a mean over training steps."""
        return AVERAGED.search(self.where) is not None


def read_checkpoint(
    source: Any, names: Set[str], *, pretrained: bool = True
) -> tuple[str, tuple[Candidate, ...]]:
    """What to call a source of weights, and the networks in it, the one to be preferred first.

    Args:
        source: a timm model name, a file or folder, a state dict in any wrapping, or a module.
        names: of the network's own state dict.
        pretrained: for a timm model name: its published weights or fresh ones.

    Raises:
        InvalidData: the file cannot be read, or there is no state dict in it.
        UnknownName: timm has no such model.
        MissingExtra: a model name is given and timm is not installed.
    """
    label, loaded = _loaded(source, pretrained)
    wrappers = WRAPPERS - {part for name in names for part in name.split(".")}
    tensors = [found for found in _tensors(loaded) if not BOOKKEEPING.search(found[1])]
    if not tensors:
        raise InvalidData(f"{label}: holds no state dict (names and tensors)")
    flat = {(place, _plain(".".join((*place, name)), wrappers)): value for place, name, value in tensors}
    anchors = {name for name in names if name.startswith("stem.")} | TIMM_STEMS
    roots = {name: _root(name, anchors) for _, name in flat}
    found = [_candidate(root, flat, roots) for root in sorted({r for r in roots.values() if r is not None})]
    return label, tuple(sorted(found, key=_preference)) or (_largest(flat, wrappers),)


def _loaded(source: Any, pretrained: bool) -> tuple[str, Any]:
    if isinstance(source, nn.Module):
        return type(source).__name__, source.state_dict()
    if isinstance(source, Mapping):
        return "the state dict", source
    if isinstance(source, Path) or str(source).lower().endswith(FILE_SUFFIXES) or Path(source).exists():
        return str(source), _read(Path(source))
    return str(source), _timm_model(str(source), pretrained).state_dict()


def _timm_model(name: str, pretrained: bool) -> nn.Module:
    timm = import_extra("timm", "timm")
    if not timm.is_model(name):
        raise unknown("timm model", name, timm.list_models(["efficientformer*", "deit*", "vit*"]))
    model: nn.Module = timm.create_model(name, pretrained=pretrained)
    return model


def _read(path: Path) -> Any:
    """What a file holds; of a folder the file that Trainer or accelerate write into it."""
    if path.is_dir():
        inside = next((path / name for name in FOLDER_FILES if (path / name).is_file()), None)
        if inside is None:
            raise InvalidData(f"{path}: a folder without weights ({', '.join(FOLDER_FILES)})")
        return _read(inside)
    if not path.is_file():
        raise InvalidData(f"{path}: no such weights file")
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.name.endswith(".index.json"):
            shards = set(json.loads(path.read_text(encoding="utf-8"))["weight_map"].values())
            return {k: v for name in sorted(shards) for k, v in _read(path.parent / Path(name).name).items()}
        with path.open("rb") as file:
            opening = file.read(9)
        if opening[8:] == b"{" and not opening.startswith(b"PK"):  # whatever the file is called
            return load_file(path)
        return _unpickled(path)
    except InvalidData:
        raise
    except (SafetensorError, OSError, RuntimeError, ValueError, EOFError) as problem:
        raise InvalidData(f"{path}: cannot be read as weights: {problem}".partition("\n")[0]) from None
    except Exception as problem:  # pickle's own errors; torch raises several kinds for a file that is none
        raise InvalidData(f"{path}: cannot be read as weights: {type(problem).__name__}") from None


def _unpickled(path: Path) -> Any:
    """What ``torch.save`` wrote; every class that is no part of a tensor becomes an inert mapping.

    ``weights_only`` would refuse most files that hold anything beside their weights.
    """
    if zipfile.is_zipfile(path) and any(
        n.endswith("constants.pkl") for n in zipfile.ZipFile(path).namelist()
    ):
        raise InvalidData(f"{path}: a TorchScript program: save the state dict of its module")
    reader: Any = types.SimpleNamespace(
        __name__="pickle", Unpickler=_Unpickler, load=lambda file, **given: _Unpickler(file, **given).load()
    )
    with path.open("rb") as file:
        return torch.load(file, map_location="cpu", pickle_module=reader, weights_only=False)


class _Unpickler(pickle._Unpickler):
    """Knows what tensors are made of, and nothing that could be executed.

    In Python, for that in C takes as much memory as the largest number of a memo asks for.
    """

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch._utils" and name in REBUILD:
            return _Call(getattr(torch._utils, name))
        if (module, name) in PARTS or (
            module == "torch" and isinstance(getattr(torch, name, None), torch.dtype)
        ):
            return getattr(torch if module == "torch" else collections, name)
        return type(name, (_Inert,), {})


class _Call:
    """A function whose attributes a file cannot change."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __call__(self, *arguments: Any) -> Any:
        if self.function.__name__.startswith("_rebuild_tensor"):
            _require_room(*arguments[:4])
        return self.function(*arguments)

    def __setstate__(self, state: Any) -> None: ...


def _require_room(storage: Any, offset: int, size: Sequence[int], stride: Sequence[int]) -> None:
    """Check that a tensor fits its storage, which torch would enlarge to whatever a file says."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch calls its own storages deprecated
        room = storage.size()
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True)) if all(size) else -1
    if min((offset, *size, *stride), default=0) < 0 or last >= room:
        raise ValueError(f"a tensor of shape {tuple(size)} is larger than the data that it names")


class _Inert(dict[Any, Any]):
    """Stands for an object of a class that is not loaded: it keeps what belongs to it and does nothing."""

    def __new__(cls, *arguments: Any, **named: Any) -> _Inert:
        return super().__new__(cls)

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__()

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, Mapping):
            self.update(state)

    def __hash__(self) -> int:  # type: ignore[override]
        return id(self)

    def append(self, item: Any) -> None:
        """As lists have it."""

    def extend(self, items: Any) -> None:
        """As lists have it."""


def _tensors(loaded: Any) -> list[tuple[tuple[str, ...], str, Tensor]]:
    """Every tensor that stands under names, with the mappings around it; those of optimizers are left out."""
    found: list[tuple[tuple[str, ...], str, Tensor]] = []
    open_ones: list[tuple[tuple[str, ...], Any]] = [((), loaded)]
    seen: set[int] = set()
    while open_ones:
        place, mapping = open_ones.pop()
        if not isinstance(mapping, Mapping) or id(mapping) in seen:
            continue
        seen.add(id(mapping))
        for key, value in mapping.items():
            if isinstance(key, str) and isinstance(value, Tensor):
                found.append((place, key, value))
            elif isinstance(key, str) and isinstance(value, Mapping) and not NO_NETWORK.search(key):
                open_ones.append(((*place, key), value))
    return found


def _plain(name: str, wrappers: Set[str]) -> str:
    return ".".join(part for part in name.split(".") if part not in wrappers)


def _root(name: str, anchors: Set[str]) -> str | None:
    """What stands before a parameter of a stem; None for other names."""
    parts = name.split(".")
    for cut in range(len(parts)):
        if ".".join(parts[cut:]) in anchors:
            return ".".join((*parts[:cut], "")) if cut else ""
    return None


def _candidate(
    root: str, flat: Mapping[tuple[tuple[str, ...], str], Tensor], roots: Mapping[str, str | None]
) -> Candidate:
    """The network whose names begin with ``root``."""
    homes = {place for place, name in flat if roots[name] == root}
    others = {r for r in roots.values() if r is not None and r.startswith(root) and r != root}
    state: State = {}
    beside = []
    for (place, name), value in flat.items():
        if name.startswith(root) and not any(name.startswith(other) for other in others):
            key = name.removeprefix(root)
            if key in state:
                raise InvalidData(f"'{key}' stands there twice; hand over one state dict")
            state[key] = value
        elif place in homes and not any(r is not None and name.startswith(r) for r in roots.values()):
            beside.append(name)
    return Candidate(root.rstrip("."), state, tuple(beside))


def _preference(found: Candidate) -> tuple[bool, bool, str]:
    return not found.averaged, found.where not in USUAL, found.where


def _largest(flat: Mapping[tuple[tuple[str, ...], str], Tensor], wrappers: Set[str]) -> Candidate:
    """The mapping with most tensors, where no network of this kind was found."""
    place, _ = Counter(place for place, _ in flat).most_common(1)[0]
    before = _plain(".".join(place), wrappers)
    before = f"{before}." if before else ""
    state = {name.removeprefix(before): value for (home, name), value in flat.items() if home == place}
    return Candidate(".".join(place), state)


def listed(keys: Iterator[str] | list[str] | tuple[str, ...], shown: int = 4) -> str:
    """The first few names, and how many more there are."""
    names = list(keys)
    rest = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {rest} more" if rest > 0 else "")
