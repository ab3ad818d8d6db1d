"""Keywords that a function takes by ``**settings``, shown by ``help`` and completed by notebooks."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast

from vitnas import plugins

Function = TypeVar("Function", bound=Callable[..., Any])


def with_keywords(keywords: Any) -> Callable[[Function], Function]:
    """Give a function the signature that its ``TypedDict`` of keywords says, and heed its ``trust``.

    Args:
        keywords: a ``TypedDict``; its annotations stay texts, so that nothing is imported.
    """

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def call(*args: Any, **given: Any) -> Any:
            with plugins.trusting(given.get("trust") is True):
                return function(*args, **given)

        own = inspect.signature(function)
        named = [p for p in own.parameters.values() if p.kind is not p.VAR_KEYWORD]
        named += [
            inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_text(annotation)
            )
            for name, annotation in keywords.__annotations__.items()
        ]
        call.__signature__ = own.replace(parameters=named)  # type: ignore[attr-defined]
        return cast(Function, call)

    return decorate


def _text(annotation: Any) -> str:
    return annotation.__forward_arg__ if hasattr(annotation, "__forward_arg__") else str(annotation)
