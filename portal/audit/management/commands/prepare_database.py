from __future__ import annotations

from typing import Any, Final

from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection
from psycopg import sql

from portal.core.configuration import database

# Tables whose rows are facts of the past, with what the runtime role may not do there. The
# triggers refuse the same; this refuses it to somebody who could switch a trigger off.
FORBIDDEN: Final = {
    "audit_auditentry": "UPDATE, DELETE, TRUNCATE",
    "audit_auditanchor": "UPDATE, DELETE, TRUNCATE",
    "catalog_approval": "UPDATE, DELETE, TRUNCATE",
    "billing_usagespan": "DELETE, TRUNCATE",
}


class Command(BaseCommand):
    help = (
        "Migrate as the owner of the database (CLOUDLOKET_AS_DATABASE_OWNER=1), then give the "
        "role in CLOUDLOKET_DATABASE_URL what it needs at run time, and no more."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", interactive=False, verbosity=options["verbosity"])
        role = sql.Identifier(str(database("CLOUDLOKET_DATABASE_URL")["USER"]))
        for statement in _grants(role):
            with connection.cursor() as cursor:
                cursor.execute(statement)
        self.stdout.write("database ready")


def _grants(role: sql.Identifier) -> list[sql.Composed]:
    rights = [
        sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(role),
        sql.SQL("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {}").format(
            role
        ),
        sql.SQL("GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {}").format(role),
    ]
    denials = [
        sql.SQL("REVOKE {} ON {} FROM {}").format(sql.SQL(rights_), sql.Identifier(table), role)
        for table, rights_ in FORBIDDEN.items()
    ]
    return rights + denials
