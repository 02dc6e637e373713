"""Permission for a placement, and evidence."""

from tests.authorisation.vocabulary import Row

ROWS: list[Row] = []
