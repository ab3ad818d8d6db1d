"""Networks in reports: what they are called and how they are marked."""

from __future__ import annotations

from vitnas.run.result import Member

PUBLISHED, OVER_BUDGET, OUT_OF_DOMAIN, PREDICTED = "◆", "×", "!", "~"
HEALTHY = "ok"


def is_published(member: Member) -> bool:
    """Whether it comes from the space's references and not from the search."""
    return "reference" in member.facts


def is_predicted(member: Member) -> bool:
    """Whether a device with measured blocks lacks some of its blocks."""
    return any(coverage.measured < 1 for coverage in member.coverage.values())


def short_name(member: Member) -> str:
    """Name of its file, or what its authors call it; its id where it has neither."""
    if is_published(member):
        return str(member.facts["reference"])
    return member.written.rpartition("/")[2].removesuffix(".yaml") or member.id


def verdict(member: Member) -> str:
    """Of its forward and backward pass."""
    return str(member.health.get("verdict", "-"))
