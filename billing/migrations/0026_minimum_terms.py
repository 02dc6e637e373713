"""Prices may have a minimum term: what begins to be used at them is due until the term ends.

What of it is not used is written as a span whose end lies ahead; used again, that is cut.
"""

import billing.models.moments
import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.db.models.deletion
import portal.core.models
import uuid
from django.db import migrations, models

PINNED = "SET search_path = pg_catalog, public, pg_temp"
KEPT = ["id", "resource_id", "sku_id", "quantity", "started_at", "start_facts", "is_beginning"]


def guard_of_spans(kept, may_also, refusal):
    """The function that lets a span change in nothing but its end."""
    new, old = (", ".join(f"{row}.{column}" for column in kept) for row in ("NEW", "OLD"))
    return f"""
CREATE OR REPLACE FUNCTION public.billing_guard_usage_span() RETURNS trigger LANGUAGE plpgsql
    {PINNED} AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND (OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL{may_also})
       AND ({new})
         = ({old})
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '{refusal}'
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'usage_span_is_append_only';
END $$;
"""


ONCE = guard_of_spans(
    KEPT, "", "usage is never changed or deleted; only an open span may be ended, once"
)
# A row with a NULL in it is equal to none, and most spans are of no term.
CUT_TOO = guard_of_spans(
    [*KEPT, "is_unused"],
    "\n        OR OLD.is_unused AND NEW.ended_at < OLD.ended_at",
    "usage is never changed or deleted; only an open span may be ended, once, and one that is"
    " unused may be cut",
).replace("    THEN", "       AND NEW.term_id IS NOT DISTINCT FROM OLD.term_id\n    THEN")
KEEP_TERMS = f"""
CREATE FUNCTION public.billing_guard_minimum_term() RETURNS trigger LANGUAGE plpgsql
    {PINNED} AS $$
BEGIN
    IF TG_OP = 'INSERT' AND EXISTS (
        SELECT FROM public.billing_price AS price
        WHERE price.id = NEW.price_id AND price.sku_id = NEW.sku_id AND price.minimum_months > 0
    ) THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.ends_at = OLD.started_at
       AND to_jsonb(NEW) - 'ends_at' = to_jsonb(OLD) - 'ends_at'
       AND NOT EXISTS (
            SELECT FROM public.billing_usagespan AS span
            WHERE span.term_id = OLD.id
                AND (span.ended_at IS NULL OR span.ended_at > span.started_at)
       )
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION
        'a minimum term is that of a price, and never changes; it only ends where it began if '
        'nothing was used'
        USING ERRCODE = 'integrity_constraint_violation',
              CONSTRAINT = 'minimum_term_is_append_only';
END $$;
CREATE TRIGGER minimum_term_guard BEFORE INSERT OR UPDATE OR DELETE ON public.billing_minimumterm
    FOR EACH ROW EXECUTE FUNCTION public.billing_guard_minimum_term();
CREATE TRIGGER minimum_term_never_truncated BEFORE TRUNCATE ON public.billing_minimumterm
    FOR EACH STATEMENT EXECUTE FUNCTION public.billing_refuse_change();

CREATE FUNCTION public.billing_guard_span_in_term() RETURNS trigger LANGUAGE plpgsql
    {PINNED} AS $$
BEGIN
    IF EXISTS (
        SELECT FROM public.billing_minimumterm AS term
        WHERE term.id = NEW.term_id
            AND (term.resource_id, term.sku_id) = (NEW.resource_id, NEW.sku_id)
            AND term.started_at <= NEW.started_at AND NEW.started_at < term.ends_at
            AND (NOT NEW.is_unused OR NEW.ended_at <= term.ends_at)
    ) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'use of a minimum term is of the same thing, and begins in it'
        USING ERRCODE = 'integrity_constraint_violation',
              CONSTRAINT = 'usage_span_is_within_its_term';
END $$;
CREATE TRIGGER usage_span_within_term BEFORE INSERT ON public.billing_usagespan
    FOR EACH ROW WHEN (NEW.term_id IS NOT NULL)
    EXECUTE FUNCTION public.billing_guard_span_in_term();
"""
FORGET_TERMS = """
DROP TRIGGER usage_span_within_term ON public.billing_usagespan;
DROP FUNCTION public.billing_guard_span_in_term();
DROP TRIGGER minimum_term_never_truncated ON public.billing_minimumterm;
DROP TRIGGER minimum_term_guard ON public.billing_minimumterm;
DROP FUNCTION public.billing_guard_minimum_term();
"""


class Migration(migrations.Migration):

    dependencies = [
        ("billing", "0025_split_keys"),
        ('identity', '0018_links_that_wait_may_end'),
    ]

    operations = [
        migrations.CreateModel(
            name='MinimumTerm',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('quantity', models.DecimalField(decimal_places=6, max_digits=18)),
                ('started_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField()),
            ],
        ),
        migrations.RemoveConstraint(
            model_name='usagespan',
            name='usage_span_no_overlap_per_resource_and_sku',
        ),
        migrations.AddField(
            model_name='price',
            name='minimum_months',
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='tariffroundline',
            name='minimum_months',
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='usagespan',
            name='is_unused',
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddConstraint(
            model_name='price',
            constraint=models.CheckConstraint(condition=models.Q(('minimum_months', 0), models.Q(('minimum_months__lte', 60), ('tier_quantities', []), ('unit__in', ['month', 'hour', 'gib_month'])), _connector='OR'), name='price_minimum_term_is_of_plain_time'),
        ),
        migrations.AddConstraint(
            model_name='tariffroundline',
            constraint=models.CheckConstraint(condition=models.Q(('minimum_months', 0), models.Q(('minimum_months__lte', 60), ('tier_quantities', []), ('unit__in', ['month', 'hour', 'gib_month'])), _connector='OR'), name='tariff_line_minimum_term_is_of_plain_time'),
        ),
        migrations.AddField(
            model_name='minimumterm',
            name='price',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='billing.price'),
        ),
        migrations.AddField(
            model_name='minimumterm',
            name='resource',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='terms', to='billing.meteredresource'),
        ),
        migrations.AddField(
            model_name='minimumterm',
            name='sku',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='billing.sku'),
        ),
        migrations.AddField(
            model_name='usagespan',
            name='term',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='spans', to='billing.minimumterm'),
        ),
        migrations.AddIndex(
            model_name='usagespan',
            index=models.Index(condition=models.Q(('term__isnull', False)), fields=['term'], name='usage_span_of_a_term'),
        ),
        migrations.AddConstraint(
            model_name='usagespan',
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(condition=models.Q(('is_unused', False)), expressions=[(portal.core.models.PointRange('resource_id'), '&&'), (portal.core.models.PointRange('sku_id'), '&&'), (portal.core.models.TsTzRange('started_at', 'ended_at', django.contrib.postgres.fields.ranges.RangeBoundary()), '&&')], name='usage_span_no_overlap_per_resource_and_sku'),
        ),
        migrations.AddConstraint(
            model_name='usagespan',
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(condition=models.Q(('is_unused', True)), expressions=[(portal.core.models.PointRange('resource_id'), '&&'), (portal.core.models.PointRange('sku_id'), '&&'), (portal.core.models.TsTzRange('started_at', 'ended_at', django.contrib.postgres.fields.ranges.RangeBoundary()), '&&')], name='usage_span_unused_no_overlap_per_resource_and_sku'),
        ),
        migrations.AddConstraint(
            model_name='usagespan',
            constraint=models.CheckConstraint(condition=models.Q(('is_unused', False), models.Q(('ended_at__isnull', False), ('is_beginning', False), ('term__isnull', False)), _connector='OR'), name='usage_span_unused_is_of_a_term'),
        ),
        migrations.AddIndex(
            model_name='minimumterm',
            index=models.Index(fields=['ends_at'], name='minimum_term_by_end'),
        ),
        migrations.AddConstraint(
            model_name='minimumterm',
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(expressions=[(portal.core.models.PointRange('resource_id'), '&&'), (portal.core.models.PointRange('sku_id'), '&&'), (portal.core.models.TsTzRange('started_at', 'ends_at', django.contrib.postgres.fields.ranges.RangeBoundary()), '&&')], name='minimum_term_one_per_resource_and_sku_at_a_time'),
        ),
        migrations.AddConstraint(
            model_name='minimumterm',
            constraint=models.CheckConstraint(condition=models.Q(('quantity__gt', 0)), name='minimum_term_of_something'),
        ),
        migrations.AddConstraint(
            model_name='minimumterm',
            constraint=models.CheckConstraint(condition=models.Q(('ends_at__gte', models.F('started_at'))), name='minimum_term_ends_after_it_begins'),
        ),
        migrations.AddConstraint(
            model_name='minimumterm',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('started_at__isnull', True), ('started_at', billing.models.moments.WholeSecond(models.F('started_at'))), _connector='OR'), models.Q(('ends_at__isnull', True), ('ends_at', billing.models.moments.WholeSecond(models.F('ends_at'))), _connector='OR')), name='minimum_term_counts_whole_seconds'),
        ),
        migrations.RunSQL(CUT_TOO, ONCE),
        migrations.RunSQL(KEEP_TERMS, FORGET_TERMS),
    ]
