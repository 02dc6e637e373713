"""Through which doors somebody does an act."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from portal.identity.models import Person

Get = Callable[[str], Any]  # a fixture by its name


@dataclass(frozen=True, kw_only=True)
class Doors:
    """Who would do it, and how: the service itself, a page's form, a call of the API.

    ``form`` and ``body`` are what the doors are sent. A door that is not there is empty.

    Attributes:
        page: the address that the form is sent to.
        stands_on: the page with the form, when that is another.
    """

    actor: Person
    service: Callable[[], object]
    page: str = ""
    stands_on: str = ""
    form: dict[str, str] = field(default_factory=dict)
    api: str = ""
    body: dict[str, Any] = field(default_factory=dict)
