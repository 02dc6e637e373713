"""An order of which one line was given up may be delivered: so it goes from failed to completed.

The function that the trigger asks is what ``ORDER_TRANSITIONS`` says.
"""

from __future__ import annotations

from django.db import migrations

BEFORE = [
    ("pending_approval", "provisioning"),
    ("pending_approval", "rejected"),
    ("pending_approval", "withdrawn"),
    ("pending_approval", "expired"),
    ("provisioning", "completed"),
    ("provisioning", "failed"),
    ("failed", "provisioning"),
    ("failed", "canceled"),
]


def may_become(transitions: list[tuple[str, str]]) -> str:
    pairs = ", ".join(map(str, transitions))
    return f"""
CREATE OR REPLACE FUNCTION public.catalog_order_may_become(current_state text, target text)
    RETURNS boolean
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT (current_state, target) IN ({pairs})
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("catalog", "0020_blueprints")]
    operations = [
        migrations.RunSQL(
            may_become([*BEFORE, ("failed", "completed")]),
            may_become(BEFORE),
        ),
    ]
