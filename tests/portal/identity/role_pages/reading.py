"""Asking for a page, and reading it."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.urls import reverse


def url(name: str, thing: Any = None) -> str:
    """The address of a page of identity, about a thing."""
    return reverse(f"identity:{name}", args=[thing.public_id] if thing else [])


def text_of(response: HttpResponse) -> str:
    return response.content.decode()
