"""One file per kind of resource; all of them are found and registered on import."""

from importlib import import_module
from pkgutil import iter_modules

from catalog.kinds.base import Kind, all_kinds, get_kind, orderable_kinds, register

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = ["Kind", "all_kinds", "get_kind", "orderable_kinds", "register"]
