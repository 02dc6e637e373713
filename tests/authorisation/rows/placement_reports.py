"""The register of known use, and concentration."""

from tests.authorisation.vocabulary import Row

ROWS: list[Row] = []
