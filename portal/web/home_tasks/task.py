"""What a person reads of something that waits on them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Task:
    """Something that waits on this person. ``tone`` of its icon: "err", "warn" or ""."""

    icon: str
    tone: str
    title: str
    text: str
    url: str
    button: str
