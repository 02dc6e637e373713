"""What the document of a statement tells programs: of which statement, and which figures, it is."""

from __future__ import annotations

from billing.models import Statement


def keywords_of(statement: Statement) -> list[str]:
    """In the properties of the file, where ``check_months`` reads them."""
    return [
        statement.number,
        f"{statement.total} {statement.currency}",
        f"sha256:{statement.content_sha256}",
    ]
