"""Who commits for a minimum term pays after the first month too; an order keeps that, for rules.

Of orders that are there already it is read from the quotes on their lines; a change of what has a
term begins none. It never changes, as nothing that was asked does.
"""

from importlib import import_module

from django.db import migrations, models

EARLIER = import_module("catalog.migrations.0032_price_paid_once")
KEPT = [*EARLIER.KEPT, "one_off_price", "expected_price"]
FILL = """
UPDATE public.catalog_order AS asked SET later_price = due.amount
FROM (
    SELECT
        line.order_id,
        sum(
            round((price ->> 'monthly')::numeric, 2) * ((price ->> 'minimum_months')::integer - 1)
        ) AS amount
    FROM public.catalog_orderline AS line
    CROSS JOIN jsonb_array_elements(line.quote) AS price
    WHERE price ? 'minimum_months'
        AND NOT EXISTS (
            SELECT FROM jsonb_array_elements(line.before -> 'quote') AS was
            WHERE was ->> 'sku' = price ->> 'sku'
        )
    GROUP BY line.order_id
) AS due
WHERE due.order_id = asked.id AND due.amount > 0;
"""


class Migration(migrations.Migration):
    dependencies = [("catalog", "0047_how_busy_servers_are")]
    operations = [
        migrations.AddField(
            model_name="order",
            name="later_price",
            field=models.DecimalField(db_default=0, decimal_places=6, default=0, max_digits=18),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.CheckConstraint(
                condition=models.Q(("later_price__gte", 0)),
                name="order_later_price_not_negative",
            ),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.RunSQL(
            EARLIER.guard([*KEPT, "later_price"]),
            EARLIER.guard(KEPT),
        ),
    ]
