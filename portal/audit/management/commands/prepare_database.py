from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection, transaction
from psycopg import sql

from portal.core import configuration

# Tables whose rows are facts of the past, with the columns that the runtime role may still write
# there. The triggers refuse the same; this holds whatever becomes of a trigger.
APPEND_ONLY: Final[Mapping[str, Sequence[str]]] = {
    "audit_auditentry": (),
    "audit_auditanchor": (),
    "audit_auditchain": ("length", "head"),
    "audit_auditseal": (),
    "audit_auditverification": (),
    "catalog_approval": (),
    "catalog_approvalrule": (),
    "catalog_approvalruleversion": (
        *("state", "decided_by_id", "decided_at", "decision_reason", "ended_at"),
    ),
    "catalog_assembly": (),
    "catalog_exitpackage": (),
    "catalog_exittest": ("ended_by_id", "ended_at", "outcome"),
    "catalog_exitteststep": (),
    "catalog_lineneed": (),
    "catalog_orderline": (),
    "catalog_placementconcern": ("advised", "clauses", "settled_at", "told_at"),
    "catalog_placementdecision": (),
    "catalog_placementpermission": (
        *("state", "decided_by_id", "decided_at", "decision_reason", "ended_by_id", "ended_at"),
    ),
    "catalog_sealminimum": (
        *("state", "decided_by_id", "decided_at", "decision_reason", "ended_at"),
    ),
    "catalog_workloadevidence": ("withdrawn_by_id", "withdrawn_at"),
    "catalog_workloadprofile": ("ended_at",),
    "identity_identity": ("email", "last_login_at", "node_id", "person_id"),
    "identity_linkproposal": ("state", "decided_by_id", "decided_at", "decision_reason"),
    "catalog_ordercomment": (),
    "catalog_derivation": (),
    "catalog_solution": ("state", "decided_by_id", "decided_at", "decision_reason"),
    "catalog_ending": ("handled_at", "stop_id", "clean_up_on", "state", "settled_at"),
    "catalog_endreminder": ("due_at", "sent_at", "attempts"),
    "catalog_driftrepair": ("state", "decided_by_id", "decided_at", "decision_reason"),
    "catalog_publication": ("state", "decided_by_id", "decided_at", "decision_reason"),
    "identity_reviewcampaign": ("closed_at",),
    "identity_reviewitem": ("decision", "decided_by_id", "decided_at", "reason"),
    "identity_roleproposal": ("state", "decided_by_id", "decided_at", "decision_reason"),
    "identity_rolegrant": ("valid_until", "ended_by_id", "end_reason"),
    "identity_claimbar": ("lifted_by_id", "lifted_at"),
    "identity_deputy": ("valid_until",),
    "billing_usagespan": ("ended_at", "end_facts"),
    "billing_minimumterm": ("ends_at",),
    "billing_measureduse": ("ended_at", "tried_at", "problem"),
    "billing_usagesample": (),
    "billing_price": ("valid_until",),
    "billing_tariffround": (
        *("state", "decided_by_id", "decided_at", "decision_reason", "price_list_id"),
    ),
    "billing_tariffroundline": (),
    "billing_splitkey": (
        *("state", "decided_by_id", "decided_at", "decision_reason", "valid_until"),
    ),
    "billing_splitrecipient": (),
    "billing_allocationfact": ("valid_until",),
    "billing_tagkey": ("valid_until",),
    "billing_tagfact": ("valid_until",),
    "billing_billingmonth": ("state", "closing_by_id", "closing_at", "closed_by_id", "closed_at"),
    "billing_statement": (*("total", "parties", "content_sha256", "document", "document_sha256"),),
    "billing_statementline": (),
    "billing_statementlinesource": (),
    "billing_fileschedule": ("ended_by_id", "ended_at"),
    "billing_scheduledfile": (
        *("state", "due_at", "attempts", "made_at", "remove_on", "size", "sha256"),
    ),
    "billing_credit": ("confirmed_by_id", "confirmed_at", "taken_back_at", "settled_on_id"),
    "billing_dispute": ("state", "decided_by_id", "decided_at", "decision_reason", "credit_id"),
    "identity_breakglasspassword": ("closed_at", "outcome", "secret_hash"),
    "identity_nodeparent": ("valid_until",),
    "identity_costcentre": ("valid_until",),
    "identity_dataowner": ("valid_until",),
    "identity_projectowner": ("valid_until",),
    "identity_vattreatmentperiod": ("valid_until",),
    "django_migrations": (),
}
# What the owner alone adds.
OWNER_ONLY: Final = ("audit_auditseal", "django_migrations")


class Command(BaseCommand):
    help = (
        "Migrate as the owner of the database (CLOUDLOKET_AS_DATABASE_OWNER=1), then give the "
        "role in CLOUDLOKET_DATABASE_URL what it needs at run time, and no more."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", interactive=False, verbosity=options["verbosity"])
        role = sql.Identifier(str(configuration.database("CLOUDLOKET_DATABASE_URL")["USER"]))
        # Together or not at all: a stop half-way must not leave more rights than are meant.
        with transaction.atomic(), connection.cursor() as cursor:
            for statement in _grants(role):
                cursor.execute(statement)
        self.stdout.write("database ready")


def _grants(role: sql.Identifier) -> list[sql.Composed]:
    database = sql.Identifier(connection.settings_dict["NAME"])
    rights = [
        # A temporary table is found before a real one of that name; PUBLIC may make them, so
        # taking the right from the role alone would take nothing.
        sql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC, {}").format(database, role),
        sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(role),
        sql.SQL("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {}").format(
            role
        ),
        sql.SQL("GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {}").format(role),
    ]
    for table, columns in APPEND_ONLY.items():
        name = sql.Identifier(table)
        rights.append(sql.SQL("REVOKE UPDATE, DELETE, TRUNCATE ON {} FROM {}").format(name, role))
        if columns:
            names = sql.SQL(", ").join(map(sql.Identifier, columns))
            rights.append(sql.SQL("GRANT UPDATE ({}) ON {} TO {}").format(names, name, role))
    for table in OWNER_ONLY:
        rights.append(sql.SQL("REVOKE INSERT ON {} FROM {}").format(sql.Identifier(table), role))
    return rights
