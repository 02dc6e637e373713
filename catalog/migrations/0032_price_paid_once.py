"""What an order costs once, kept beside what it costs per month.

Of orders that are there already it is read from the quotes on their lines; of a change, what was so
before was paid before. It never changes, as nothing that was asked does.
"""

from django.db import migrations, models

PINNED = "SET search_path = pg_catalog, public, pg_temp"
FILL = """
UPDATE public.catalog_order AS asked SET one_off_price = due.amount
FROM (
    SELECT line.order_id, sum(round((price ->> 'one_off')::numeric, 2)) AS amount
    FROM public.catalog_orderline AS line
    CROSS JOIN jsonb_array_elements(line.quote) AS price
    WHERE NOT EXISTS (
        SELECT FROM jsonb_array_elements(line.before -> 'quote') AS was
        WHERE was ->> 'sku' = price ->> 'sku'
            AND (was ->> 'quantity')::numeric = (price ->> 'quantity')::numeric
    )
    GROUP BY line.order_id
) AS due
WHERE due.order_id = asked.id AND due.amount > 0;
"""


def guard(kept: list[str]) -> str:
    """The function that refuses other contents of an order in these columns."""
    new, old = (", ".join(f"{row}.{column}" for column in kept) for row in ("NEW", "OLD"))
    return f"""
CREATE OR REPLACE FUNCTION public.catalog_guard_order_change() RETURNS trigger LANGUAGE plpgsql
    {PINNED} AS $$
BEGIN
    IF ({new}) IS DISTINCT FROM ({old}) THEN
        RAISE EXCEPTION 'what was asked in an order never changes'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'order_keeps_what_was_asked';
    END IF;
    IF NEW.state <> OLD.state AND NOT public.catalog_order_may_become(OLD.state, NEW.state) THEN
        RAISE EXCEPTION 'an order does not go from % to %', OLD.state, NEW.state
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'order_goes_only_where_its_state_leads';
    END IF;
    RETURN NEW;
END $$;
"""


KEPT = [
    "id",
    "public_id",
    "number",
    "project_id",
    "purpose",
    "idempotency_key",
    "fingerprint",
    "submitted_at",
    "monthly_price",
    "conditions",
]


class Migration(migrations.Migration):
    dependencies = [("catalog", "0031_needs_of_one_step")]
    operations = [
        migrations.AddField(
            model_name="order",
            name="one_off_price",
            field=models.DecimalField(db_default=0, decimal_places=6, default=0, max_digits=18),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.CheckConstraint(
                condition=models.Q(("one_off_price__gte", 0)),
                name="order_one_off_price_not_negative",
            ),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.RunSQL(guard([*KEPT, "one_off_price"]), guard(KEPT)),
    ]
