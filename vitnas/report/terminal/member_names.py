"""Networks in reports: what they are called and how they are marked."""

from __future__ import annotations

from vitnas.run.result import Member

PUBLISHED, OVER_BUDGET, OUT_OF_DOMAIN, PREDICTED = "◆", "×", "!", "~"
HEALTHY = "ok"


def is_published(member: Member) -> bool:
    """Whether it comes from the space's references and not from the search."""
    return not member.file


def is_predicted(member: Member) -> bool:
    """Whether a device with measured blocks lacks some of its blocks."""
    return any(coverage.measured < 1 for coverage in member.coverage.values())


def short_name(member: Member) -> str:
    """Name of its file, or what its authors call it."""
    if not is_published(member):
        return member.file.rpartition("/")[2].removesuffix(".yaml")
    return str(member.facts.get("reference") or member.name)


def verdict(member: Member) -> str:
    """Of its forward and backward pass."""
    return str(member.health.get("verdict", "-"))
