"""One table of the providers' file, whose values are checked as they are taken out."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from portal.identity.oidc.assurance import Assurance
from portal.identity.oidc.providers import ClaimPath


class SettingsTable:
    """Every method that takes a value raises ImproperlyConfigured: one line that names it.

    Args:
        values: what the file says, completed with what the profile says.
        where: the table, for that line.
        folder: what names of files are relative to.
    """

    def __init__(self, values: object, where: str, folder: Path) -> None:
        self.where = where
        self._folder = folder
        if not isinstance(values, dict):
            raise self.mistake("is not a table")
        self._left: dict[str, Any] = dict(values)

    def mistake(self, text: str) -> ImproperlyConfigured:
        return ImproperlyConfigured(f"{self.where}: {text}")

    def names(self) -> list[str]:
        return list(self._left)

    def text(self, name: str, *, may_be_empty: bool = False) -> str:
        value = self._left.pop(name, None)
        if not isinstance(value, str) or not (may_be_empty or value.strip()):
            raise self.mistake(f"{name} is missing or not text")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """A list, which may be absent."""
        values = self._left.pop(name, [])
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise self.mistake(f"{name} is not a list of texts")
        return tuple(values)

    def flag(self, name: str) -> bool:
        value = self._left.pop(name, False)
        if not isinstance(value, bool):
            raise self.mistake(f"{name} is neither true nor false")
        return value

    def choice(self, name: str, options: Collection[str]) -> str:
        value = self.text(name)
        if value not in options:
            raise self.mistake(f"{name} is not one of {', '.join(options)}")
        return value

    def level(self, name: str) -> Assurance:
        try:
            return Assurance.named(self.text(name))
        except ValueError as error:
            raise self.mistake(f"{name}: {error}") from error

    def file(self, name: str) -> Path:
        return self._folder / self.text(name)

    def secret(self, name: str) -> str:
        """The stripped content of the file that is named."""
        path = self.file(name)
        try:
            secret = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise self.mistake(f"{name}: cannot read {path}") from error
        if not secret:
            raise self.mistake(f"{name}: {path} is empty")
        return secret

    def table(self, name: str) -> SettingsTable:
        """A table inside this one; an empty one when it is absent."""
        inside = f"{self.where[:-1]}.{name}]"
        return SettingsTable(self._left.pop(name, {}), inside, self._folder)

    def claim_path(self, name: str) -> ClaimPath | None:
        """A claim's name, or names from the outside in; None when it is absent or empty."""
        value = self._left.pop(name, None)
        if value in (None, ""):
            return None
        path = [value] if isinstance(value, str) else value
        if not isinstance(path, list) or not path or not all(isinstance(p, str) for p in path):
            raise self.mistake(f"{name} is not a claim or a list of claims")
        return tuple(path)

    def has(self, name: str) -> bool:
        return name in self._left

    def refuse_what_was_not_read(self) -> None:
        if self._left:
            raise self.mistake(f"unknown setting {', '.join(self._left)}")
