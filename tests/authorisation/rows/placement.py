"""Placement: what-if, answers about a project, and the advice."""

from tests.authorisation.vocabulary import Row

ROWS: list[Row] = []
