"""What runs is delivered by the engine that carries it out."""

from __future__ import annotations

from tests.catalog.provisioning.conftest import cloud, engine, retire

__all__ = ["cloud", "engine", "retire"]
