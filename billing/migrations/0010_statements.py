"""Months close in order and by two people; what is closed never changes."""

import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models


PINNED = "SET search_path = pg_catalog, public, pg_temp"
GUARD = f"""
CREATE FUNCTION public.billing_refuse_change() RETURNS trigger LANGUAGE plpgsql {PINNED} AS $$
BEGIN
    RAISE EXCEPTION 'what is in the books is never changed or deleted'
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = TG_NAME;
END $$;

-- What keeps a month from being closed, as the name of a constraint; NULL: nothing.
CREATE FUNCTION public.billing_flaw_of_month(closing billing_billingmonth) RETURNS text
    LANGUAGE sql STABLE {PINNED} AS $$
    SELECT CASE
        WHEN (closing.first_day + interval '1 month') AT TIME ZONE 'Europe/Amsterdam'
                > clock_timestamp()
            THEN 'billing_month_closes_after_it_ended'
        WHEN EXISTS (
            SELECT FROM billing_billingmonth
            WHERE first_day < closing.first_day AND state <> 'closed'
        ) OR EXISTS (SELECT FROM billing_billingmonth WHERE first_day > closing.first_day AND state = 'closed')
        OR (
            EXISTS (SELECT FROM billing_billingmonth WHERE first_day < closing.first_day)
            AND NOT EXISTS (
                SELECT FROM billing_billingmonth
                WHERE first_day = (closing.first_day - interval '1 month')::date
            )
        )
            THEN 'billing_month_closes_in_order'
        WHEN EXISTS (
            SELECT FROM billing_statement AS statement
            WHERE month_id = closing.id AND total IS DISTINCT FROM (
                SELECT sum(amount) FROM billing_statementline WHERE statement_id = statement.id
            )
        )
            THEN 'statement_total_is_the_sum_of_its_lines'
        WHEN EXISTS (
            SELECT FROM billing_statementline AS line
            JOIN billing_statement AS statement ON statement.id = line.statement_id
            WHERE statement.month_id = closing.id AND line.kind = 'usage' AND (
                line.amount <> round(line.exact, 2)
                OR line.exact IS DISTINCT FROM (
                    SELECT sum(amount) FROM billing_statementlinesource WHERE line_id = line.id
                )
            )
        )
            THEN 'statement_line_is_the_sum_of_what_is_behind_it'
        WHEN EXISTS (
            SELECT FROM billing_statement
            WHERE month_id = closing.id
                AND document_sha256 IS DISTINCT FROM encode(sha256(document), 'hex')
        )
            THEN 'statement_has_the_document_of_its_checksum'
        WHEN EXISTS (
            SELECT FROM billing_statement
            WHERE year = date_part('year', closing.first_day)
            HAVING max(sequence) IS DISTINCT FROM count(*) AND count(*) > 0
        ) OR EXISTS (
            SELECT FROM billing_statement
            WHERE month_id = closing.id AND year <> date_part('year', closing.first_day)
        )
            THEN 'statement_numbers_have_no_gap'
    END
$$;

CREATE FUNCTION public.billing_guard_month() RETURNS trigger LANGUAGE plpgsql {PINNED} AS $$
DECLARE
    flaw text;
BEGIN
    flaw := CASE
        WHEN TG_OP = 'DELETE' THEN 'billing_month_is_never_deleted'
        WHEN TG_OP = 'INSERT' AND NEW.state = 'closed' THEN 'billing_month_begins_open'
        WHEN TG_OP = 'INSERT' THEN NULL
        WHEN OLD.state = 'closed' THEN 'billing_month_closed_is_closed'
        WHEN (NEW.id, NEW.public_id, NEW.first_day) <> (OLD.id, OLD.public_id, OLD.first_day)
            THEN 'billing_month_stays_the_same_month'
        WHEN NEW.state = 'closed' AND (
            OLD.state <> 'closing'
            OR (NEW.closing_by_id, NEW.closing_at) <> (OLD.closing_by_id, OLD.closing_at)
        )
            THEN 'billing_month_closed_after_closing_began'
        WHEN NEW.state = 'closed' THEN billing_flaw_of_month(NEW)
    END;
    IF flaw IS NOT NULL THEN
        RAISE EXCEPTION 'a month closes after those before it, whole, by two people, and for good'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = flaw;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER billing_month_guarded BEFORE INSERT OR UPDATE OR DELETE ON billing_billingmonth
    FOR EACH ROW EXECUTE FUNCTION public.billing_guard_month();
CREATE TRIGGER billing_month_closed_by_another_human BEFORE UPDATE ON billing_billingmonth
    FOR EACH ROW WHEN (NEW.closed_by_id IS NOT NULL)
    EXECUTE FUNCTION public.identity_guard_other_humans('closing_by_id', 'closed_by_id');

-- A statement is written while its month is being closed, in the transaction that closes it.
CREATE FUNCTION public.billing_guard_statement() RETURNS trigger LANGUAGE plpgsql {PINNED} AS $$
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
    RAISE EXCEPTION 'the statements of a month are written when it is closed, and never change'
        USING ERRCODE = 'integrity_constraint_violation',
              CONSTRAINT = 'statement_is_never_changed';
END $$;
CREATE TRIGGER statement_guarded BEFORE INSERT OR UPDATE OR DELETE ON billing_statement
    FOR EACH ROW EXECUTE FUNCTION public.billing_guard_statement();

-- Once for each command, not for each row: a month can have a million sources.
CREATE FUNCTION public.billing_guard_new_lines() RETURNS trigger LANGUAGE plpgsql {PINNED} AS $$
BEGIN
    IF EXISTS (
        SELECT FROM added
        JOIN billing_statement AS statement ON statement.id = added.statement_id
        JOIN billing_billingmonth AS month ON month.id = statement.month_id
        WHERE month.state <> 'closing'
    ) THEN
        RAISE EXCEPTION 'no line is added to a statement of another month than is being closed'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'statement_line_is_written_at_closing';
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION public.billing_guard_new_sources() RETURNS trigger LANGUAGE plpgsql {PINNED} AS $$
BEGIN
    IF EXISTS (
        SELECT FROM (SELECT DISTINCT line_id FROM added) AS changed
        JOIN billing_statementline AS line ON line.id = changed.line_id
        JOIN billing_statement AS statement ON statement.id = line.statement_id
        JOIN billing_billingmonth AS month ON month.id = statement.month_id
        WHERE month.state <> 'closing'
    ) THEN
        RAISE EXCEPTION 'no source is added to a line of another month than is being closed'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'statement_line_source_is_written_at_closing';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER statement_line_written_at_closing AFTER INSERT ON billing_statementline
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION public.billing_guard_new_lines();
CREATE TRIGGER statement_line_source_written_at_closing AFTER INSERT ON billing_statementlinesource
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION public.billing_guard_new_sources();
CREATE TRIGGER statement_line_is_never_changed BEFORE UPDATE OR DELETE ON billing_statementline
    FOR EACH ROW EXECUTE FUNCTION public.billing_refuse_change();
CREATE TRIGGER statement_line_source_is_never_changed BEFORE UPDATE OR DELETE
    ON billing_statementlinesource
    FOR EACH ROW EXECUTE FUNCTION public.billing_refuse_change();

CREATE FUNCTION public.billing_guard_credit() RETURNS trigger LANGUAGE plpgsql {PINNED} AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.settled_on_id IS NULL AND OLD.taken_back_at IS NULL
       AND (NEW.id, NEW.public_id, NEW.line_id, NEW.amount, NEW.reason, NEW.proposed_by_id,
            NEW.proposed_at)
         = (OLD.id, OLD.public_id, OLD.line_id, OLD.amount, OLD.reason, OLD.proposed_by_id,
            OLD.proposed_at)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a credit is given or taken back once, and else stays as it was proposed'
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'credit_stays_as_proposed';
END $$;
CREATE TRIGGER credit_guarded BEFORE UPDATE OR DELETE ON billing_credit
    FOR EACH ROW EXECUTE FUNCTION public.billing_guard_credit();
"""
TABLES = ["billingmonth", "statement", "statementline", "statementlinesource", "credit"]
KEEP = "".join(
    f"CREATE TRIGGER {table}_never_truncated BEFORE TRUNCATE ON billing_{table}"
    " FOR EACH STATEMENT EXECUTE FUNCTION public.billing_refuse_change();\n"
    for table in TABLES
)
# The tables go with the migration, and their triggers with them.
ALLOW = """
DROP FUNCTION public.billing_guard_credit() CASCADE;
DROP FUNCTION public.billing_guard_new_sources() CASCADE;
DROP FUNCTION public.billing_guard_new_lines() CASCADE;
DROP FUNCTION public.billing_guard_statement() CASCADE;
DROP FUNCTION public.billing_guard_month() CASCADE;
DROP FUNCTION public.billing_flaw_of_month(billing_billingmonth);
DROP FUNCTION public.billing_refuse_change() CASCADE;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('billing', '0009_tariff_rounds'),
        ('identity', '0018_links_that_wait_may_end'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='BillingMonth',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('first_day', models.DateField(unique=True)),
                ('state', models.CharField(choices=[('open', 'Open'), ('closing', 'Being closed'), ('closed', 'Closed')], default='open', max_length=8)),
                ('closing_at', models.DateTimeField(null=True)),
                ('closed_at', models.DateTimeField(null=True)),
                ('closed_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('closing_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='Statement',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('year', models.PositiveSmallIntegerField()),
                ('sequence', models.PositiveIntegerField()),
                ('issued_at', models.DateTimeField()),
                ('currency', models.CharField(max_length=3)),
                ('total', models.DecimalField(decimal_places=2, max_digits=26)),
                ('parties', models.JSONField(default=dict)),
                ('document', models.BinaryField(default=b'')),
                ('document_sha256', models.CharField(blank=True, max_length=64)),
                ('month', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='statements', to='billing.billingmonth')),
                ('organization', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='statements', to='identity.organization')),
            ],
        ),
        migrations.CreateModel(
            name='StatementLine',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('position', models.PositiveIntegerField()),
                ('kind', models.CharField(choices=[('usage', 'Use'), ('correction', 'Correction'), ('credit', 'Credit')], max_length=10)),
                ('unit', models.CharField(choices=[('month', 'per month'), ('hour', 'per hour'), ('gib_month', 'per GiB per month'), ('one_off', 'once')], max_length=12)),
                ('unit_price', models.DecimalField(decimal_places=6, max_digits=18)),
                ('quantity', models.DecimalField(decimal_places=12, max_digits=36)),
                ('exact', models.DecimalField(decimal_places=6, max_digits=30)),
                ('amount', models.DecimalField(decimal_places=2, max_digits=26)),
                ('reason', models.CharField(blank=True, max_length=300)),
                ('names', models.JSONField(default=dict)),
                ('cost_center', models.CharField(max_length=40, null=True)),
                ('cost_object', models.CharField(max_length=40, null=True)),
                ('commitment_number', models.CharField(max_length=40, null=True)),
                ('corrects', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='corrected_by', to='billing.statementline')),
                ('price', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='billing.price')),
                ('project', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='identity.project')),
                ('sku', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='billing.sku')),
                ('statement', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='lines', to='billing.statement')),
                ('used_in', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='billing.billingmonth')),
            ],
        ),
        migrations.CreateModel(
            name='Credit',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('amount', models.DecimalField(decimal_places=2, max_digits=26)),
                ('reason', models.CharField(max_length=300)),
                ('proposed_at', models.DateTimeField()),
                ('taken_back_at', models.DateTimeField(null=True)),
                ('proposed_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('line', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='credits', to='billing.statementline')),
                ('settled_on', models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='credit', to='billing.statementline')),
            ],
        ),
        migrations.CreateModel(
            name='StatementLineSource',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('started_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField()),
                ('seconds', models.BigIntegerField()),
                ('amount', models.DecimalField(decimal_places=6, max_digits=30)),
                ('line', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='sources', to='billing.statementline')),
                ('span', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='billing.usagespan')),
            ],
        ),
        migrations.AddConstraint(
            model_name='billingmonth',
            constraint=models.CheckConstraint(condition=models.Q(('first_day__day', 1)), name='billing_month_begins_on_its_first_day'),
        ),
        migrations.AddConstraint(
            model_name='billingmonth',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('closing_at', None), ('closing_by', None), ('state', 'open')), models.Q(('closing_at__isnull', False), ('closing_by__isnull', False), ('state__in', ['closing', 'closed'])), _connector='OR'), name='billing_month_closing_names_who_and_when'),
        ),
        migrations.AddConstraint(
            model_name='billingmonth',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('closed_at', None), ('closed_by', None), ('state__in', ['open', 'closing'])), models.Q(('closed_at__isnull', False), ('closed_by__isnull', False), ('state', 'closed')), _connector='OR'), name='billing_month_closed_names_who_and_when'),
        ),
        migrations.AddConstraint(
            model_name='billingmonth',
            constraint=models.CheckConstraint(condition=models.Q(('closed_by', None), models.Q(('closed_by', models.F('closing_by')), _negated=True), _connector='OR'), name='billing_month_closed_by_another_person'),
        ),
        migrations.AddConstraint(
            model_name='statement',
            constraint=models.UniqueConstraint(fields=('year', 'sequence'), name='statement_number_is_given_once'),
        ),
        migrations.AddConstraint(
            model_name='statement',
            constraint=models.UniqueConstraint(fields=('month', 'organization'), name='statement_one_per_month_and_organization'),
        ),
        migrations.AddConstraint(
            model_name='statement',
            constraint=models.CheckConstraint(condition=models.Q(('sequence__gt', 0)), name='statement_counts_from_one'),
        ),
        migrations.AddIndex(
            model_name='statementline',
            index=models.Index(fields=['used_in', 'project', 'sku'], name='statement_line_by_use'),
        ),
        migrations.AddConstraint(
            model_name='statementline',
            constraint=models.UniqueConstraint(fields=('statement', 'position'), name='statement_line_has_its_own_position'),
        ),
        migrations.AddConstraint(
            model_name='statementline',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['usage', 'correction', 'credit'])), name='statement_line_kind_known'),
        ),
        migrations.AddConstraint(
            model_name='statementline',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('kind', 'usage'), _negated=True), ('corrects', None), _connector='OR'), name='statement_line_of_use_corrects_nothing'),
        ),
        migrations.AddConstraint(
            model_name='statementline',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('kind', 'credit'), _negated=True), models.Q(('amount__lt', 0), ('corrects__isnull', False), models.Q(('reason', ''), _negated=True)), _connector='OR'), name='statement_line_of_credit_says_of_what_and_why'),
        ),
        migrations.AddConstraint(
            model_name='credit',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gt', 0)), name='credit_gives_something'),
        ),
        migrations.AddConstraint(
            model_name='credit',
            constraint=models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='credit_has_a_reason'),
        ),
        migrations.AddConstraint(
            model_name='credit',
            constraint=models.CheckConstraint(condition=models.Q(('taken_back_at', None), ('settled_on', None), _connector='OR'), name='credit_taken_back_is_never_given'),
        ),
        migrations.RunSQL(GUARD + KEEP, ALLOW),
    ]
