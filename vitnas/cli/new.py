"""``vitnas new``: a commented, working file to begin a plug-in with."""

from __future__ import annotations

from typing import Annotated

import typer

from vitnas.cli._common import say

NEXT = {  # kind: how it is used
    "operator": "write 'op: {name}' in the file of a space (vitnas new space NAME)",
    "space": "vitnas search --space {name} --trials 2000",
    "device": "vitnas search --space tiny32 --target {name} --trials 2000",
    "proxy": "vitnas search --space tiny32 --quality {name} --trials 20",
    "quality": "vitnas search --space tiny32 --quality {name} --trials 2000",
    "strategy": "vitnas search --space tiny32 --strategy {name} --trials 2000",
}


def new(
    kind: Annotated[str, typer.Argument(help="operator, space, device, proxy, quality or strategy.")],
    name: Annotated[str, typer.Argument(help="Its name: small letters, digits and '_'.")],
) -> None:
    """Write a commented, working file of your own to begin with."""
    from vitnas.testing.create import create

    path = create(kind, name)
    say(f"wrote {path}")
    say(f"check it: vitnas check {path}")
    say(f"use it:   {NEXT[kind].format(name=name)}")
