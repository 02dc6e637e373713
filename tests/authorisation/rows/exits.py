"""Exit packages and tests of exit plans."""

from tests.authorisation.vocabulary import Row

ROWS: list[Row] = []
