"""A round may begin in a month that is not closed, for what has no price there; or never.

Use without a price keeps a month from being closed. Whether something has a price is for the service
to see; that nothing begins in a month that finance closed is for the database.

What was confirmed and has not begun may be withdrawn, by a round that names it: its prices end where
they begin, and those that it would have ended go on. So an end that is still to come may be put off,
by that and by nothing else.
"""

import django.db.models.deletion
from django.db import migrations, models

PINNED = "SET search_path = pg_catalog, public, pg_temp"


def guard_of_rounds(is_wrong: str, refusal: str, name: str, more: str = "") -> str:
    """The function that keeps what was proposed and decided; ``is_wrong``: its month cannot be."""
    return f"""
CREATE OR REPLACE FUNCTION public.billing_guard_tariff_round() RETURNS trigger LANGUAGE plpgsql
    {PINNED} AS $$
DECLARE
    later text[] := ARRAY[
        'state', 'decided_by_id', 'decided_at', 'decision_reason', 'price_list_id'
    ];
    begins timestamp := NEW.valid_from AT TIME ZONE 'Europe/Amsterdam';
BEGIN
    IF TG_OP = 'INSERT' AND NEW.state <> 'proposed' THEN
        RAISE EXCEPTION 'a tariff round begins as a proposal'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'tariff_round_begins_as_a_proposal';
    END IF;
    IF {is_wrong} THEN
        RAISE EXCEPTION '{refusal}'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = '{name}';
    END IF;
    {more}
    IF TG_OP = 'INSERT' THEN
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
"""


TO_COME = guard_of_rounds(
    "TG_OP = 'INSERT' AND (begins <> date_trunc('month', begins) OR NEW.valid_from <= now())",
    "prices change at the beginning of a month that is still to come",
    "tariff_round_from_a_month_to_come",
)
NOT_CLOSED = guard_of_rounds(
    "TG_OP = 'INSERT' AND begins <> date_trunc('month', begins)"
    " OR (TG_OP = 'INSERT' OR TG_OP = 'UPDATE' AND NEW.state = 'confirmed')"
    " AND EXISTS (SELECT FROM public.billing_billingmonth"
    " WHERE state = 'closed' AND first_day >= begins::date)",
    "prices begin with a month that is not closed",
    "tariff_round_from_a_month_not_closed",
    """IF NEW.withdraws_id IS NOT NULL AND (
        TG_OP = 'INSERT' OR TG_OP = 'UPDATE' AND NEW.state = 'confirmed'
    ) AND NOT EXISTS (
        SELECT FROM public.billing_tariffround AS planned
        WHERE planned.id = NEW.withdraws_id AND planned.state = 'confirmed'
            AND planned.withdraws_id IS NULL AND planned.valid_from > now()
            AND (planned.name, planned.valid_from) = (NEW.name, NEW.valid_from)
            AND planned.organization_id IS NOT DISTINCT FROM NEW.organization_id
    ) THEN
        RAISE EXCEPTION 'only a round that was confirmed and has not begun is withdrawn'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'tariff_round_withdraws_what_has_not_begun';
    END IF;""",
)


def guard_of_prices(is_right: str) -> str:
    """The function that lets nothing of a price change but its end, where ``is_right``."""
    return f"""
CREATE OR REPLACE FUNCTION public.billing_guard_price() RETURNS trigger LANGUAGE plpgsql
    {PINNED} AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND ({is_right})
       AND to_jsonb(NEW) - 'valid_until' = to_jsonb(OLD) - 'valid_until'
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION
        'a price is never changed or deleted; only what is still to come of it may be ended'
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'price_is_append_only';
END $$;
"""


BROUGHT_FORWARD = (
    # Prices change on whole seconds, so the second that runs is not past yet.
    "NEW.valid_until >= date_trunc('second', now())"
    " AND (OLD.valid_until IS NULL OR NEW.valid_until < OLD.valid_until)"
)
# NULL is later than everything.
PUT_OFF = """
OLD.valid_until > now() AND OLD.valid_until > OLD.valid_from
AND coalesce(NEW.valid_until, 'infinity') > OLD.valid_until
AND EXISTS (
    SELECT FROM public.billing_tariffround AS planned
    JOIN public.billing_tariffroundline AS line ON line.round_id = planned.id
    JOIN public.billing_tariffround AS withdrawal ON withdrawal.withdraws_id = planned.id
    WHERE withdrawal.state = 'confirmed' AND planned.valid_from = OLD.valid_until
        AND planned.organization_id IS NOT DISTINCT FROM OLD.organization_id
        AND line.sku_id = OLD.sku_id
)
"""
ONLY_FORWARD = guard_of_prices(BROUGHT_FORWARD)
ALSO_OFF = guard_of_prices(f"{BROUGHT_FORWARD} OR {PUT_OFF}")


# Backwards, and first of all: nobody could say any more what was withdrawn.
KEEP_WITHDRAWALS = """
DO $$
BEGIN
    IF EXISTS (SELECT FROM public.billing_tariffround WHERE withdraws_id IS NOT NULL)
       OR EXISTS (SELECT FROM public.billing_price WHERE valid_until = valid_from)
    THEN
        RAISE EXCEPTION 'a tariff round was withdrawn, or a withdrawal proposed: before migration'
            ' 0016 the database could not keep that, so it does not go back and nothing was changed';
    END IF;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0015_prices_are_never_emptied")]
    operations = [
        migrations.RemoveConstraint(model_name='price', name='price_ends_after_it_begins'),
        migrations.RemoveConstraint(model_name='tariffround', name='tariff_round_name_unique'),
        migrations.RemoveConstraint(
            model_name='tariffround', name='tariff_round_confirmed_has_a_price_list'
        ),
        migrations.AddField(
            model_name='tariffround',
            name='withdraws',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='withdrawals', to='billing.tariffround'),
        ),
        migrations.AddConstraint(
            model_name='price',
            constraint=models.CheckConstraint(condition=models.Q(('valid_until', None), ('valid_until__gte', models.F('valid_from')), _connector='OR'), name='price_ends_not_before_it_begins'),
        ),
        migrations.AddConstraint(
            model_name='tariffround',
            constraint=models.UniqueConstraint(condition=models.Q(('state__in', ('proposed', 'confirmed')), ('withdraws', None)), fields=('name',), name='tariff_round_name_unique'),
        ),
        migrations.AddConstraint(
            model_name='tariffround',
            constraint=models.UniqueConstraint(condition=models.Q(('state__in', ('proposed', 'confirmed'))), fields=('withdraws',), name='tariff_round_withdrawn_once'),
        ),
        migrations.AddConstraint(
            model_name='tariffround',
            constraint=models.CheckConstraint(condition=models.Q(('withdraws', None), ('line_count', 0), _connector='OR'), name='tariff_round_sets_prices_or_withdraws'),
        ),
        migrations.AddConstraint(
            model_name='tariffround',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('price_list__isnull', False), ('state', 'confirmed'), ('withdraws', None)), models.Q(models.Q(models.Q(('state', 'confirmed'), _negated=True), ('withdraws__isnull', False), _connector='OR'), ('price_list', None)), _connector='OR'), name='tariff_round_confirmed_has_a_price_list'),
        ),
        migrations.RunSQL(NOT_CLOSED, TO_COME),
        migrations.RunSQL(ALSO_OFF, ONLY_FORWARD),
        migrations.RunSQL(migrations.RunSQL.noop, KEEP_WITHDRAWALS),
    ]
