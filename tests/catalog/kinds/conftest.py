"""Kinds are tested with the engine that carries them out."""

from tests.catalog.provisioning.conftest import cloud, engine, retire

__all__ = ["cloud", "engine", "retire"]
