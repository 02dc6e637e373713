"""What is measured has no price beforehand; an order keeps what is expected, which rules judge.

Of orders that are there already nothing was expected. It never changes, as nothing that was asked
does.
"""

from importlib import import_module

from django.db import migrations, models

EARLIER = import_module("catalog.migrations.0032_price_paid_once")
KEPT = [*EARLIER.KEPT, "one_off_price"]


class Migration(migrations.Migration):
    dependencies = [("catalog", "0045_tags_of_orders")]
    operations = [
        migrations.AddField(
            model_name="order",
            name="expected_price",
            field=models.DecimalField(db_default=0, decimal_places=6, default=0, max_digits=18),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.CheckConstraint(
                condition=models.Q(("expected_price__gte", 0)),
                name="order_expected_price_not_negative",
            ),
        ),
        migrations.RunSQL(
            EARLIER.guard([*KEPT, "expected_price"]),
            EARLIER.guard(KEPT),
        ),
    ]
