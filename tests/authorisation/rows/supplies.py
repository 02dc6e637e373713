"""Assessments of places, and which sovereignty is enough."""

from tests.authorisation.vocabulary import Row

ROWS: list[Row] = []
