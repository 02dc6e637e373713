"""Prices change in rounds: proposed by one human, confirmed by another, from a month still to come.

What was proposed stays. Of a price the past stays too: what is still to come of it may be ended, and
an end that was planned may be brought forward; never into the past, and never put off.
"""

import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models


PINNED = "SET search_path = pg_catalog, public, pg_temp"


def guard_of_prices(condition: str, refusal: str) -> str:
    """The function that lets nothing of a price change but its end, where ``condition`` holds."""
    return f"""
CREATE OR REPLACE FUNCTION public.billing_guard_price() RETURNS trigger LANGUAGE plpgsql
    {PINNED} AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND ({condition})
       AND to_jsonb(NEW) - 'valid_until' = to_jsonb(OLD) - 'valid_until'
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '{refusal}'
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'price_is_append_only';
END $$;
"""


OPEN_ALONE = guard_of_prices(
    "OLD.valid_until IS NULL",
    "a price is never changed or deleted; only an open one may be ended, once",
)
TO_COME_ALONE = guard_of_prices(
    # Prices change on whole seconds, so the second that runs is not past yet.
    "NEW.valid_until >= date_trunc('second', now())"
    " AND (OLD.valid_until IS NULL OR NEW.valid_until < OLD.valid_until)",
    "a price is never changed or deleted; only what is still to come of it may be ended",
)
FORBID = f"""
CREATE FUNCTION public.billing_guard_tariff_round() RETURNS trigger LANGUAGE plpgsql
    {PINNED} AS $$
DECLARE
    later text[] := ARRAY[
        'state', 'decided_by_id', 'decided_at', 'decision_reason', 'price_list_id'
    ];
    begins timestamp := NEW.valid_from AT TIME ZONE 'Europe/Amsterdam';
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'proposed' THEN
            RAISE EXCEPTION 'a tariff round begins as a proposal'
                USING ERRCODE = 'integrity_constraint_violation',
                      CONSTRAINT = 'tariff_round_begins_as_a_proposal';
        END IF;
        IF begins <> date_trunc('month', begins) OR NEW.valid_from <= now() THEN
            RAISE EXCEPTION 'prices change at the beginning of a month that is still to come'
                USING ERRCODE = 'integrity_constraint_violation',
                      CONSTRAINT = 'tariff_round_from_a_month_to_come';
        END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE'
       OR OLD.state <> 'proposed'
       OR to_jsonb(NEW) - later IS DISTINCT FROM to_jsonb(OLD) - later
    THEN
        RAISE EXCEPTION 'what was proposed, and what was decided, never changes'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'tariff_round_never_changes';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER tariff_round_guard BEFORE INSERT OR UPDATE OR DELETE ON public.billing_tariffround
    FOR EACH ROW EXECUTE FUNCTION public.billing_guard_tariff_round();
CREATE TRIGGER tariff_round_decided_by_another_human
    BEFORE INSERT OR UPDATE ON public.billing_tariffround
    FOR EACH ROW WHEN (NEW.decided_by_id IS NOT NULL AND NEW.state <> 'withdrawn')
    EXECUTE FUNCTION public.identity_guard_other_humans('proposed_by_id', 'decided_by_id');

-- A round says how many lines it has: what is added later nobody looked at.
CREATE FUNCTION public.billing_guard_tariff_line() RETURNS trigger LANGUAGE plpgsql
    {PINNED} AS $$
BEGIN
    IF TG_OP = 'INSERT' AND (
        SELECT count(*) FROM public.billing_tariffroundline WHERE round_id = NEW.round_id
    ) < (
        SELECT line_count FROM public.billing_tariffround
        WHERE id = NEW.round_id AND state = 'proposed'
    ) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'what a tariff round says is said at once, and never changes'
        USING ERRCODE = 'integrity_constraint_violation',
              CONSTRAINT = 'tariff_line_is_append_only';
END $$;
CREATE TRIGGER tariff_line_append_only
    BEFORE INSERT OR UPDATE OR DELETE ON public.billing_tariffroundline
    FOR EACH ROW EXECUTE FUNCTION public.billing_guard_tariff_line();
"""
ALLOW = """
DROP TRIGGER tariff_line_append_only ON public.billing_tariffroundline;
DROP FUNCTION public.billing_guard_tariff_line();
DROP TRIGGER tariff_round_decided_by_another_human ON public.billing_tariffround;
DROP TRIGGER tariff_round_guard ON public.billing_tariffround;
DROP FUNCTION public.billing_guard_tariff_round();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('billing', '0008_month_summaries'),
        ('identity', '0018_links_that_wait_may_end'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='TariffRound',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('state', models.CharField(choices=[('proposed', 'Proposed'), ('confirmed', 'Confirmed'), ('refused', 'Refused'), ('withdrawn', 'Taken back')], default='proposed', max_length=10)),
                ('proposed_at', models.DateTimeField()),
                ('decided_at', models.DateTimeField(null=True)),
                ('decision_reason', models.CharField(blank=True, max_length=1000)),
                ('name', models.CharField(max_length=80)),
                ('valid_from', models.DateTimeField()),
                ('line_count', models.PositiveSmallIntegerField()),
                ('decided_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('organization', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='identity.organization')),
                ('price_list', models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='tariff_round', to='billing.pricelist')),
                ('proposed_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='TariffRoundLine',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('unit', models.CharField(blank=True, choices=[('month', 'per month'), ('hour', 'per hour'), ('gib_month', 'per GiB per month'), ('one_off', 'once')], max_length=12)),
                ('amount', models.DecimalField(decimal_places=6, max_digits=18, null=True)),
                ('ends', models.BooleanField(default=False)),
                ('replaces', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='billing.price')),
                ('round', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='lines', to='billing.tariffround')),
                ('sku', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='billing.sku')),
            ],
        ),
        migrations.AddConstraint(
            model_name='tariffround',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['proposed', 'confirmed', 'refused', 'withdrawn'])), name='tariff_round_state_known'),
        ),
        migrations.AddConstraint(
            model_name='tariffround',
            constraint=models.CheckConstraint(condition=models.Q(('decided_by', None), ('state', 'withdrawn'), models.Q(('decided_by', models.F('proposed_by')), _negated=True), _connector='OR'), name='tariff_round_decided_by_another_person'),
        ),
        migrations.AddConstraint(
            model_name='tariffround',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('decided_at', None), ('decided_by', None), ('state', 'proposed')), models.Q(models.Q(('state', 'proposed'), _negated=True), ('decided_at__isnull', False), ('decided_by__isnull', False)), _connector='OR'), name='tariff_round_decision_names_who_and_when'),
        ),
        migrations.AddConstraint(
            model_name='tariffround',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'refused'), _negated=True), models.Q(('decision_reason', ''), _negated=True), _connector='OR'), name='tariff_round_refusal_has_a_reason'),
        ),
        migrations.AddConstraint(
            model_name='tariffround',
            constraint=models.CheckConstraint(condition=models.Q(('name', ''), _negated=True), name='tariff_round_has_a_name'),
        ),
        migrations.AddConstraint(
            model_name='tariffround',
            constraint=models.UniqueConstraint(condition=models.Q(('state__in', ['proposed', 'confirmed'])), fields=('name',), name='tariff_round_name_unique'),
        ),
        migrations.AddConstraint(
            model_name='tariffround',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('price_list__isnull', False), ('state', 'confirmed')), models.Q(models.Q(('state', 'confirmed'), _negated=True), ('price_list', None)), _connector='OR'), name='tariff_round_confirmed_has_a_price_list'),
        ),
        migrations.AddConstraint(
            model_name='tariffroundline',
            constraint=models.UniqueConstraint(fields=('round', 'sku'), name='tariff_line_one_per_sku'),
        ),
        migrations.AddConstraint(
            model_name='tariffroundline',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('amount', None), ('ends', True), ('unit', '')), models.Q(('amount__gte', 0), ('amount__isnull', False), ('ends', False), ('unit__in', ['month', 'hour', 'gib_month', 'one_off'])), _connector='OR'), name='tariff_line_sets_a_price_or_ends_one'),
        ),
        migrations.AddConstraint(
            model_name='tariffroundline',
            constraint=models.CheckConstraint(condition=models.Q(('ends', False), ('replaces__isnull', False), _connector='OR'), name='tariff_line_ends_something'),
        ),
        migrations.RunSQL(FORBID, ALLOW),
        migrations.RunSQL(TO_COME_ALONE, OPEN_ALONE),
    ]
