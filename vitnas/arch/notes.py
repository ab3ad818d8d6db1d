"""What a document says beside its network, checked when it is read: searches use it at their end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vitnas.arch.operators import is_number
from vitnas.arch.yaml_io import Source
from vitnas.errors import InvalidInput
from vitnas.formats.path_name import check_name, check_network_name

TEXTS = ("description", "source")
MAPPINGS = ("recipe", "metrics", "provenance", "references", "columns")
NOTES = (*TEXTS, *MAPPINGS)
_FIGURES = ("params", "macs", "top1")


def read_name(source: Source, error: type[InvalidInput]) -> str:
    """The name of a space or network, which becomes a part of the names of files.

    Raises:
        InvalidInput: (the subclass ``error``) it is no name; names file and line.
    """
    name = source.data.get("name", "unnamed")
    if not isinstance(name, str):
        source.fail(error, "name", f"expected a text, got {name!r:.60}; quote it")
    return check_network_name(name, source.where("name").removesuffix(": "), error)


def read_notes(source: Source, error: type[InvalidInput]) -> dict[str, Any]:
    """The notes of a document.

    Raises:
        InvalidInput: (the subclass ``error``) one is of another type; names file, line and key path.
    """
    document = source.data
    for key in TEXTS:
        if not isinstance(document.get(key, ""), str):
            source.fail(error, key, f"expected a text, got {document[key]!r:.40}; quote it")
    for key in MAPPINGS:
        value = document.get(key)
        if value is not None and not isinstance(value, Mapping):
            source.fail(error, key, f"expected keys and values, got {value!r:.40}")
    for name, reference in (document.get("references") or {}).items():
        check_name(name, source.where("references").removesuffix(": "), error)
        _check_reference(source, error, f"references.{name}", reference)
    return {key: document[key] for key in NOTES if document.get(key) is not None}


def _check_reference(source: Source, error: type[InvalidInput], path: str, raw: Any) -> None:
    if not isinstance(raw, Mapping) or not isinstance(raw.get("genes"), Mapping):
        source.fail(error, path, "expected 'genes' and facts such as params, top1 and source")
    latencies = raw.get("latency_ms", {})
    for key, known in (("recipe", raw.get("recipe", {})), ("latency_ms", latencies)):
        if not isinstance(known, Mapping):
            source.fail(error, f"{path}.{key}", f"expected keys and values, got {known!r:.40}")
    figures = {name: raw[name] for name in _FIGURES if name in raw}
    figures |= {f"latency_ms.{device}": value for device, value in latencies.items()}
    for name, value in figures.items():
        if not is_number(value, most=1e18):
            source.fail(error, f"{path}.{name}", f"expected a number, got {value!r:.40}")
    for name in ("source", "reference"):
        if not isinstance(raw.get(name, ""), str):
            source.fail(error, f"{path}.{name}", f"expected a text, got {raw[name]!r:.40}; quote it")
