"""Costs of a project that others bear: by a key, under four eyes, from a month still to come.

What a month shares out it shares in, and nothing is left at a project whose costs others bear.
"""

from importlib import import_module

import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.db.models.deletion
import portal.core.models
import uuid
from decimal import Decimal
from django.conf import settings
from django.db import migrations, models


PINNED = "SET search_path = pg_catalog, public, pg_temp"
GUARD = f"""
-- What keeps a key from being confirmed, as the name of a constraint; NULL: nothing.
CREATE FUNCTION public.billing_flaw_of_split_key(agreed billing_splitkey) RETURNS text
    LANGUAGE sql STABLE {PINNED} AS $$
    SELECT CASE
        WHEN agreed.valid_from <= clock_timestamp()
            THEN 'split_key_holds_from_a_month_to_come'
        WHEN agreed.ends_id IS NULL AND EXISTS (
            SELECT FROM billing_splitkey AS other
            WHERE other.state = 'confirmed' AND other.ends_id IS NULL AND other.id <> agreed.id
                AND tstzrange(other.valid_from, other.valid_until)
                    && tstzrange(agreed.valid_from, agreed.valid_until)
                AND (
                    EXISTS (
                        SELECT FROM billing_splitrecipient
                        WHERE key_id = agreed.id AND project_id = other.source_id
                    )
                    OR EXISTS (
                        SELECT FROM billing_splitrecipient
                        WHERE key_id = other.id AND project_id = agreed.source_id
                    )
                )
        )
            THEN 'split_key_makes_no_chain'
    END
$$;

CREATE FUNCTION public.billing_guard_split_key() RETURNS trigger LANGUAGE plpgsql {PINNED} AS $$
DECLARE
    later text[] := ARRAY['state', 'decided_by_id', 'decided_at', 'decision_reason'];
    begins timestamp := NEW.valid_from AT TIME ZONE 'Europe/Amsterdam';
    ends timestamp := NEW.valid_until AT TIME ZONE 'Europe/Amsterdam';
    flaw text;
BEGIN
    IF TG_OP IN ('INSERT', 'UPDATE') THEN
        PERFORM pg_advisory_xact_lock(11);  -- of the books: two keys that chain come one by one
    END IF;
    flaw := CASE
        WHEN TG_OP = 'DELETE' THEN 'split_key_never_changes'
        WHEN begins <> date_trunc('month', begins) OR ends <> date_trunc('month', ends)
            THEN 'split_key_is_of_whole_months'
        WHEN TG_OP = 'INSERT' AND NEW.state <> 'proposed' THEN 'split_key_begins_as_a_proposal'
        WHEN TG_OP = 'INSERT' AND NEW.valid_from <= clock_timestamp()
            THEN 'split_key_holds_from_a_month_to_come'
        WHEN NEW.ends_id IS NOT NULL AND NOT EXISTS (
            SELECT FROM billing_splitkey AS ended
            WHERE ended.id = NEW.ends_id AND ended.source_id = NEW.source_id
                AND ended.ends_id IS NULL AND ended.valid_from <= NEW.valid_from
        )
            THEN 'split_key_ends_one_of_its_source'
        WHEN TG_OP = 'INSERT' THEN NULL
        -- Of what holds only an end may come nearer, by a proposal that was confirmed.
        WHEN OLD.state = 'confirmed' AND OLD.ends_id IS NULL
            AND to_jsonb(NEW) - 'valid_until' = to_jsonb(OLD) - 'valid_until'
            AND NEW.valid_until > clock_timestamp()
            AND (OLD.valid_until IS NULL OR NEW.valid_until < OLD.valid_until)
            AND EXISTS (
                SELECT FROM billing_splitkey AS ending
                WHERE ending.ends_id = NEW.id AND ending.state = 'confirmed'
                    AND ending.valid_from = NEW.valid_until
            )
            THEN NULL
        WHEN OLD.state <> 'proposed' OR to_jsonb(NEW) - later IS DISTINCT FROM to_jsonb(OLD) - later
            THEN 'split_key_never_changes'
        WHEN NEW.state = 'confirmed' THEN billing_flaw_of_split_key(NEW)
    END;
    IF flaw IS NOT NULL THEN
        RAISE EXCEPTION 'what a key says is agreed by two, from a month to come on, and then stays'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = flaw;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER split_key_guarded BEFORE INSERT OR UPDATE OR DELETE ON billing_splitkey
    FOR EACH ROW EXECUTE FUNCTION public.billing_guard_split_key();
CREATE TRIGGER split_key_decided_by_another_human BEFORE INSERT OR UPDATE ON billing_splitkey
    FOR EACH ROW WHEN (NEW.decided_by_id IS NOT NULL AND NEW.state <> 'withdrawn')
    EXECUTE FUNCTION public.identity_guard_other_humans('proposed_by_id', 'decided_by_id');
CREATE TRIGGER split_key_never_truncated BEFORE TRUNCATE ON billing_splitkey
    FOR EACH STATEMENT EXECUTE FUNCTION public.billing_refuse_change();

-- When all of a key stands there: whether it is what it says.
CREATE FUNCTION public.billing_check_split_key() RETURNS trigger LANGUAGE plpgsql {PINNED} AS $$
DECLARE
    flaw text;
BEGIN
    SELECT CASE
        WHEN count(recipient.id) <> NEW.recipient_count
            THEN 'split_key_has_all_its_recipients'
        WHEN bool_or(recipient.project_id = NEW.source_id)
            THEN 'split_key_source_bears_nothing_itself'
        WHEN NEW.method = 'percentages' AND (
            bool_or(recipient.percentage IS NULL) OR sum(recipient.percentage) <> 100
        )
            THEN 'split_key_percentages_make_a_hundred'
        WHEN NEW.method <> 'percentages' AND bool_or(recipient.percentage IS NOT NULL)
            THEN 'split_key_percentages_make_a_hundred'
    END INTO flaw
    FROM billing_splitrecipient AS recipient WHERE recipient.key_id = NEW.id;
    IF flaw IS NOT NULL THEN
        RAISE EXCEPTION 'a key names everybody who bears a part, and the parts are the whole'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = flaw;
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER split_key_is_whole AFTER INSERT ON billing_splitkey
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION public.billing_check_split_key();

-- A key says how many recipients it has: what is added later nobody looked at.
CREATE FUNCTION public.billing_guard_split_recipient() RETURNS trigger LANGUAGE plpgsql
    {PINNED} AS $$
BEGIN
    IF TG_OP = 'INSERT' AND (
        SELECT count(*) FROM billing_splitrecipient WHERE key_id = NEW.key_id
    ) < (
        SELECT recipient_count FROM billing_splitkey WHERE id = NEW.key_id AND state = 'proposed'
    ) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'who bears what is said at once, and never changes'
        USING ERRCODE = 'integrity_constraint_violation',
              CONSTRAINT = 'split_recipient_is_append_only';
END $$;
CREATE TRIGGER split_recipient_append_only
    BEFORE INSERT OR UPDATE OR DELETE ON billing_splitrecipient
    FOR EACH ROW EXECUTE FUNCTION public.billing_guard_split_recipient();
CREATE TRIGGER split_recipient_never_truncated BEFORE TRUNCATE ON billing_splitrecipient
    FOR EACH STATEMENT EXECUTE FUNCTION public.billing_refuse_change();
"""
# The tables go with the migration, and their triggers with them.
UNGUARD = """
DROP FUNCTION public.billing_guard_split_recipient() CASCADE;
DROP FUNCTION public.billing_check_split_key() CASCADE;
DROP FUNCTION public.billing_guard_split_key() CASCADE;
DROP FUNCTION public.billing_flaw_of_split_key(billing_splitkey);
"""
FLAW = import_module("billing.migrations.0018_books_that_prove_themselves").NEW_FLAW
NUMBERS = """        WHEN EXISTS (
            SELECT FROM billing_statement
            WHERE year = """
assert NUMBERS in FLAW
NEW_FLAW = FLAW.replace(
    NUMBERS,
    f"""        WHEN EXISTS (
            SELECT FROM billing_statementline AS line
            JOIN billing_statement AS statement ON statement.id = line.statement_id
            WHERE statement.month_id = closing.id AND line.split_key_id IS NOT NULL
            GROUP BY line.split_key_id
            HAVING sum(line.amount) <> 0
        )
            THEN 'statement_shares_come_to_nothing'
        WHEN EXISTS (
            SELECT FROM billing_splitkey AS split
            JOIN billing_statementline AS line ON line.project_id = split.source_id
            JOIN billing_statement AS statement
                ON statement.id = line.statement_id AND statement.month_id = closing.id
            WHERE split.state = 'confirmed' AND split.ends_id IS NULL
                AND tstzrange(split.valid_from, split.valid_until)
                    @> (closing.first_day::timestamp AT TIME ZONE 'Europe/Amsterdam')
            GROUP BY split.id, statement.id, line.cost_center, line.cost_object,
                line.commitment_number
            HAVING sum(line.amount) <> 0
        )
            THEN 'statement_leaves_nothing_at_what_others_bear'
{NUMBERS}""",
)


class Migration(migrations.Migration):

    dependencies = [
        ("billing", "0024_disputes"),
        ('identity', '0018_links_that_wait_may_end'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='SplitKey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('valid_from', models.DateTimeField()),
                ('valid_until', models.DateTimeField(null=True)),
                ('state', models.CharField(choices=[('proposed', 'Proposed'), ('confirmed', 'Confirmed'), ('refused', 'Refused'), ('withdrawn', 'Taken back')], default='proposed', max_length=10)),
                ('proposed_at', models.DateTimeField()),
                ('decided_at', models.DateTimeField(null=True)),
                ('decision_reason', models.CharField(blank=True, max_length=1000)),
                ('method', models.CharField(blank=True, choices=[('equal', 'Everybody the same'), ('by_usage', 'By what each of them used'), ('percentages', 'By fixed percentages')], max_length=11)),
                ('reason', models.CharField(max_length=300)),
                ('recipient_count', models.PositiveSmallIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name='SplitRecipient',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('percentage', models.DecimalField(decimal_places=3, max_digits=6, null=True)),
            ],
        ),
        migrations.RemoveConstraint(
            model_name='statementline',
            name='statement_line_kind_known',
        ),
        migrations.AlterField(
            model_name='statementline',
            name='kind',
            field=models.CharField(choices=[('usage', 'Use'), ('correction', 'Correction'), ('credit', 'Credit'), ('set_off', 'Set-off'), ('shared_out', 'Borne by others'), ('shared_in', "Share of others' costs")], max_length=10),
        ),
        migrations.AlterField(
            model_name='statementline',
            name='price',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='billing.price'),
        ),
        migrations.AlterField(
            model_name='statementline',
            name='unit',
            field=models.CharField(blank=True, choices=[('month', 'per month'), ('hour', 'per hour'), ('gib_month', 'per GiB per month'), ('one_off', 'once'), ('gib', 'per GiB')], max_length=12),
        ),
        migrations.AddField(
            model_name='splitkey',
            name='decided_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='splitkey',
            name='ends',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='endings', to='billing.splitkey'),
        ),
        migrations.AddField(
            model_name='splitkey',
            name='proposed_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='splitkey',
            name='source',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='identity.project'),
        ),
        migrations.AddField(
            model_name='statementline',
            name='split_key',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='lines', to='billing.splitkey'),
        ),
        migrations.AddConstraint(
            model_name='statementline',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['usage', 'correction', 'credit', 'set_off', 'shared_out', 'shared_in'])), name='statement_line_kind_known'),
        ),
        migrations.AddConstraint(
            model_name='statementline',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('kind__in', ('shared_out', 'shared_in')), ('split_key__isnull', False), ('price', None), ('unit', ''), ('unit_price', 0), ('quantity', 0), ('corrects', None), ('exact', models.F('amount'))), models.Q(models.Q(('kind__in', ('shared_out', 'shared_in')), _negated=True), ('price__isnull', False), ('split_key', None)), _connector='OR'), name='statement_line_has_a_price_or_is_a_share'),
        ),
        migrations.AddField(
            model_name='splitrecipient',
            name='key',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='recipients', to='billing.splitkey'),
        ),
        migrations.AddField(
            model_name='splitrecipient',
            name='project',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='identity.project'),
        ),
        migrations.AddConstraint(
            model_name='splitkey',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['proposed', 'confirmed', 'refused', 'withdrawn'])), name='split_key_state_known'),
        ),
        migrations.AddConstraint(
            model_name='splitkey',
            constraint=models.CheckConstraint(condition=models.Q(('decided_by', None), ('state', 'withdrawn'), models.Q(('decided_by', models.F('proposed_by')), _negated=True), _connector='OR'), name='split_key_decided_by_another_person'),
        ),
        migrations.AddConstraint(
            model_name='splitkey',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('decided_at', None), ('decided_by', None), ('state', 'proposed')), models.Q(models.Q(('state', 'proposed'), _negated=True), ('decided_at__isnull', False), ('decided_by__isnull', False)), _connector='OR'), name='split_key_decision_names_who_and_when'),
        ),
        migrations.AddConstraint(
            model_name='splitkey',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'refused'), _negated=True), models.Q(('decision_reason', ''), _negated=True), _connector='OR'), name='split_key_refusal_has_a_reason'),
        ),
        migrations.AddConstraint(
            model_name='splitkey',
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(condition=models.Q(('ends', None), ('state', 'confirmed')), expressions=[(portal.core.models.PointRange('source_id'), '&&'), (portal.core.models.TsTzRange('valid_from', 'valid_until', django.contrib.postgres.fields.ranges.RangeBoundary()), '&&')], name='split_key_one_per_source_at_a_time'),
        ),
        migrations.AddConstraint(
            model_name='splitkey',
            constraint=models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='split_key_says_why'),
        ),
        migrations.AddConstraint(
            model_name='splitkey',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('ends', None), ('method__in', ['equal', 'by_usage', 'percentages']), ('recipient_count__gt', 0)), models.Q(('ends__isnull', False), ('method', ''), ('recipient_count', 0), ('valid_until', None)), _connector='OR'), name='split_key_splits_or_ends_another'),
        ),
        migrations.AddConstraint(
            model_name='splitkey',
            constraint=models.CheckConstraint(condition=models.Q(('valid_until', None), ('valid_until__gt', models.F('valid_from')), models.Q(('state', 'confirmed'), ('valid_until', models.F('valid_from'))), _connector='OR'), name='split_key_ends_after_it_begins'),
        ),
        migrations.AddConstraint(
            model_name='splitkey',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'proposed')), fields=('ends',), name='split_key_ended_by_one_proposal_at_a_time'),
        ),
        migrations.AddConstraint(
            model_name='splitrecipient',
            constraint=models.UniqueConstraint(fields=('key', 'project'), name='split_recipient_bears_one_part'),
        ),
        migrations.AddConstraint(
            model_name='splitrecipient',
            constraint=models.CheckConstraint(condition=models.Q(('percentage', None), models.Q(('percentage__gt', 0), ('percentage__lte', Decimal('100'))), _connector='OR'), name='split_recipient_bears_something'),
        ),
        migrations.RunSQL(GUARD, UNGUARD),
        migrations.RunSQL(NEW_FLAW, FLAW),
    ]
