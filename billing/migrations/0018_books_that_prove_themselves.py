"""A statement keeps the sha256 of what it says, and gets its document after its month closed.

A late fact says of which months it is. A credit may be confirmed before its month closes.
"""

from importlib import import_module

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

PINNED = "SET search_path = pg_catalog, public, pg_temp"
# As migration 0010 has it; of a closed month only the document may come, once and with its sha256.
GUARD = f"""
CREATE OR REPLACE FUNCTION public.billing_guard_statement() RETURNS trigger
    LANGUAGE plpgsql {PINNED} AS $$
BEGIN
    IF TG_OP <> 'DELETE'
        AND (SELECT state FROM billing_billingmonth WHERE id = NEW.month_id) = 'closing'
        AND (TG_OP = 'INSERT' OR (
            (NEW.id, NEW.public_id, NEW.month_id, NEW.organization_id, NEW.year, NEW.sequence)
            = (OLD.id, OLD.public_id, OLD.month_id, OLD.organization_id, OLD.year, OLD.sequence)
        ))
    THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.document = '' AND NEW.document <> ''
        AND NEW.document_sha256 = encode(sha256(NEW.document), 'hex')
        AND to_jsonb(NEW) - '{{document,document_sha256}}'::text[]
            = to_jsonb(OLD) - '{{document,document_sha256}}'::text[]
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the statements of a month are written when it is closed, and never change'
        USING ERRCODE = 'integrity_constraint_violation',
              CONSTRAINT = 'statement_is_never_changed';
END $$;
"""


def _old(name):
    """A function of migration 0010, to replace what is there now."""
    text = import_module("billing.migrations.0010_statements").GUARD
    start = text.index(f"CREATE FUNCTION public.{name}(")
    end = text.index("$$;", text.index("$$", start) + 2) + 3
    return text[start:end].replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1)


FLAW = _old("billing_flaw_of_month")
CHECKED = "document_sha256 IS DISTINCT FROM encode(sha256(document), 'hex')"
assert CHECKED in FLAW
NUMBERS = """        WHEN EXISTS (
            SELECT FROM billing_statement
            WHERE year = """
assert NUMBERS in FLAW
NEW_FLAW = FLAW.replace(
    CHECKED, f"(document <> '' OR document_sha256 <> '') AND {CHECKED}"
).replace(
    NUMBERS,
    f"""        WHEN EXISTS (
            SELECT FROM billing_credit AS credit
            JOIN billing_statementline AS line ON line.id = credit.settled_on_id
            JOIN billing_statement AS statement ON statement.id = line.statement_id
            WHERE statement.month_id = closing.id
                AND credit.confirmed_at IS NULL AND credit.proposed_by_id = closing.closed_by_id
        )
            THEN 'credit_is_agreed_by_another_person'
{NUMBERS}""",
)
CREDIT_GUARD = f"""
CREATE OR REPLACE FUNCTION public.billing_guard_credit() RETURNS trigger
    LANGUAGE plpgsql {PINNED} AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.settled_on_id IS NULL AND OLD.taken_back_at IS NULL
       AND (NEW.id, NEW.public_id, NEW.line_id, NEW.amount, NEW.reason, NEW.proposed_by_id,
            NEW.proposed_at)
         = (OLD.id, OLD.public_id, OLD.line_id, OLD.amount, OLD.reason, OLD.proposed_by_id,
            OLD.proposed_at)
       AND (OLD.confirmed_by_id IS NULL OR (NEW.confirmed_by_id, NEW.confirmed_at)
            IS NOT DISTINCT FROM (OLD.confirmed_by_id, OLD.confirmed_at))
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a credit is given or taken back once, and else stays as it was proposed'
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'credit_stays_as_proposed';
END $$;
"""
OTHER_HUMAN = """
CREATE TRIGGER credit_confirmed_by_another_human BEFORE INSERT OR UPDATE ON billing_credit
    FOR EACH ROW WHEN (NEW.confirmed_by_id IS NOT NULL)
    EXECUTE FUNCTION public.identity_guard_other_humans('proposed_by_id', 'confirmed_by_id');
"""
SAME_HUMAN = "DROP TRIGGER credit_confirmed_by_another_human ON billing_credit;"

# As migration 0008 has it, and for the books too: whoever outdates the one outdates the other.
MARK = """
CREATE OR REPLACE FUNCTION public.billing_mark_outdated_months() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    since timestamptz;
BEGIN
    EXECUTE format('SELECT min(%I) FROM changed', TG_ARGV[0]) INTO since;
    WITH month AS (
        SELECT start AT TIME ZONE 'Europe/Amsterdam' AS month_start
        FROM generate_series(
            date_trunc('month', since AT TIME ZONE 'Europe/Amsterdam'),
            date_trunc('month', clock_timestamp() AT TIME ZONE 'Europe/Amsterdam')
                - interval '1 month',
            interval '1 month'
        ) AS start
    ),
    unsettled AS (
        INSERT INTO public.billing_unsettledmonth (month_start) SELECT month_start FROM month
    )
    INSERT INTO public.billing_outdatedmonth (month_start) SELECT month_start FROM month;
    RETURN NULL;
END $$;
"""
# As migration 0008 had it.
MARK_SUMMARIES_ONLY = """
CREATE OR REPLACE FUNCTION public.billing_mark_outdated_months() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    since timestamptz;
BEGIN
    EXECUTE format('SELECT min(%I) FROM changed', TG_ARGV[0]) INTO since;
    INSERT INTO public.billing_outdatedmonth (month_start)
    SELECT month AT TIME ZONE 'Europe/Amsterdam'
    FROM generate_series(
        date_trunc('month', since AT TIME ZONE 'Europe/Amsterdam'),
        date_trunc('month', clock_timestamp() AT TIME ZONE 'Europe/Amsterdam')
            - interval '1 month',
        interval '1 month'
    ) AS month;
    RETURN NULL;
END $$;
"""
# Where the history of a node is not known, charges take where it stands now.
WATCH_NODES = """
CREATE FUNCTION public.billing_mark_months_of_node() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    INSERT INTO public.billing_unsettledmonth (month_start)
    SELECT start AT TIME ZONE 'Europe/Amsterdam'
    FROM generate_series(
        (
            SELECT date_trunc('month', min(span.started_at) AT TIME ZONE 'Europe/Amsterdam')
            FROM public.billing_usagespan AS span
            JOIN public.billing_meteredresource AS resource ON resource.id = span.resource_id
            WHERE resource.project_id = NEW.id OR NEW.kind = 'organization'
        ),
        date_trunc('month', clock_timestamp() AT TIME ZONE 'Europe/Amsterdam')
            - interval '1 month',
        interval '1 month'
    ) AS start
    WHERE '{(,)}'::tstzmultirange - coalesce(
        (
            SELECT range_agg(tstzrange(valid_from, valid_until))
            FROM public.identity_nodeparent WHERE node_id = NEW.id
        ),
        '{}'
    ) && tstzrange(
        start AT TIME ZONE 'Europe/Amsterdam',
        (start + interval '1 month') AT TIME ZONE 'Europe/Amsterdam'
    );
    RETURN NULL;
END $$;
CREATE TRIGGER unsettles_months_on_move AFTER UPDATE OF parent_id ON identity_node
    FOR EACH ROW WHEN (OLD.parent_id IS DISTINCT FROM NEW.parent_id)
    EXECUTE FUNCTION public.billing_mark_months_of_node();
"""
FORGET_NODES = """
DROP TRIGGER unsettles_months_on_move ON identity_node;
DROP FUNCTION public.billing_mark_months_of_node();
"""
# Nobody noted what became known before this.
LOOK_ONCE = """
INSERT INTO billing_unsettledmonth (month_start)
SELECT first_day::timestamp AT TIME ZONE 'Europe/Amsterdam'
FROM billing_billingmonth WHERE state = 'closed';
"""


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0017_books_that_add_up"),
        ("identity", "0018_links_that_wait_may_end"),
    ]

    operations = [
        migrations.AddField(
            model_name="statement",
            name="content_sha256",
            field=models.CharField(blank=True, db_default="", default="", max_length=64),
        ),
        migrations.CreateModel(
            name="UnsettledMonth",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("month_start", models.DateTimeField(db_index=True)),
            ],
        ),
        migrations.AddIndex(
            model_name="statement",
            index=models.Index(
                condition=models.Q(("document_sha256", "")),
                fields=["year", "sequence"],
                name="statement_without_document",
            ),
        ),
        migrations.RunSQL(GUARD, _old("billing_guard_statement")),
        migrations.AddField(
            model_name="credit",
            name="confirmed_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="credit",
            name="confirmed_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddConstraint(
            model_name="credit",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("confirmed_at", None),
                    ("confirmed_by", None),
                )
                | (
                    models.Q(("confirmed_at__isnull", False), ("confirmed_by__isnull", False))
                    & ~models.Q(("confirmed_by", models.F("proposed_by")))
                ),
                name="credit_confirmed_by_another_person",
            ),
        ),
        migrations.RunSQL(NEW_FLAW, FLAW),
        migrations.RunSQL(CREDIT_GUARD, _old("billing_guard_credit")),
        migrations.RunSQL(OTHER_HUMAN, SAME_HUMAN),
        migrations.RunSQL(MARK, MARK_SUMMARIES_ONLY),
        migrations.RunSQL(WATCH_NODES, FORGET_NODES),
        migrations.RunSQL(LOOK_ONCE, migrations.RunSQL.noop),
    ]
