"""Which tests lean on the database itself: by its SQL, its refusals, or two that work at once."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from types import CodeType
from typing import Any, Final

import pytest

_WORDS: Final = {
    *("at_once", "execute", "meeting", "psycopg", "refused_by", "threading"),
    *("DatabaseError", "IntegrityError", "InternalError", "OperationalError", "ProgrammingError"),
}


def leans_on_database(item: pytest.Function) -> bool:
    """True for a test with a database whose code has one of those words.

    Its code is also that of its parameters, and of what it names in its own file: fixtures,
    functions and classes there, and what those name.
    """
    has_database = item.get_closest_marker("django_db") or "db" in item.fixturenames
    return bool(has_database) and not _WORDS.isdisjoint(words_of(item))


def words_of(item: pytest.Function) -> set[str]:
    file = item.getparent(pytest.Module).obj
    own = _own(vars(file), file.__name__) | dict(vars(item.cls or object))
    parameters = item.callspec.params.values() if hasattr(item, "callspec") else ()
    words: set[str] = set()
    waiting = {*item.fixturenames, *_words_in(item.function), *_words_in(list(parameters))}
    while waiting:
        word = waiting.pop()
        if word not in words:
            words.add(word)
            waiting |= _words_in(own.get(word))
    return words


def _own(names: Mapping[str, Any], file: str) -> dict[str, Any]:
    """Without what the file imported; a value that tells no module is its own."""
    return {name: value for name, value in names.items() if _home(value) in {file, None}}


def _home(value: Any) -> str | None:
    return getattr(inspect.unwrap(value) if callable(value) else value, "__module__", None)


def _words_in(thing: Any) -> set[str]:
    """The names in the code of a function or class, or of all in a collection."""
    if isinstance(thing, type):
        return {thing.__name__}.union(*(_words_in(value) for value in vars(thing).values()))
    if isinstance(thing, Mapping):
        return _words_in(list(thing.values()))
    if isinstance(thing, list | tuple | set | frozenset):
        return set().union(*(_words_in(value) for value in thing))
    code = getattr(inspect.unwrap(thing), "__code__", None) if callable(thing) else None
    return set(_names(code)) if code else set()


def _names(code: CodeType) -> Iterable[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
