"""A round may begin in a month that has begun but is not closed, for what has no price there.

Use without a price keeps a month from being closed. Whether something has a price is for the service
to see; that nothing begins in a month that finance closed is for the database.
"""

from django.db import migrations

PINNED = "SET search_path = pg_catalog, public, pg_temp"


def guard_of_rounds(is_wrong: str, refusal: str, name: str) -> str:
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
)


class Migration(migrations.Migration):
    dependencies = [("billing", "0015_prices_are_never_emptied")]
    operations = [migrations.RunSQL(NOT_CLOSED, TO_COME)]
