"""Refusing to start with work under way that this code does not know how to finish."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error
from django.db import connections

from catalog.models import Step
from catalog.provisioning.plans import unknown_steps


def check_unfinished_operations(
    databases: Sequence[str] | None = None, **_: Any
) -> list[CheckMessage]:
    """System check: every step of every unfinished operation must have a definition."""
    if not databases or not _is_migrated():
        return []
    return [
        Error(
            f"an unfinished operation needs step {step.name!r} of plan "
            f"{step.operation.plan!r} version {step.operation.plan_version}, "
            "which this version of the program lacks",
            hint="Start the version that began it, let it finish there, then upgrade.",
            obj=step.operation.public_id,
            id="catalog.E001",
        )
        for step in unknown_steps()
    ]


def refuse_unknown_work(**_: Any) -> None:
    """Stop a worker before it takes its first message, with one line for each problem.

    Raises:
        SystemExit: an unfinished operation names an unknown plan or step.
    """
    errors = check_unfinished_operations(databases=["default"])
    if errors:
        raise SystemExit("\n".join(str(error) for error in errors))


def _is_migrated() -> bool:
    """False before the first migration, which runs these checks too."""
    connection = connections["default"]
    table = Step._meta.db_table
    with connection.cursor() as cursor:
        columns = (
            {
                column.name
                for column in connection.introspection.get_table_description(cursor, table)
            }
            if table in connection.introspection.table_names(cursor)
            else set()
        )
    return "outcome_unknown_at" in columns
