"""Use that goes on after its resource was gone is no beginning: what is paid once is not due anew.

The guard keeps that as it keeps the rest of a span.
"""

from django.db import migrations, models

KEPT = ["id", "resource_id", "sku_id", "quantity", "started_at", "start_facts"]


def guard(kept: list[str]) -> str:
    """The function that lets a span change in nothing but its end, once."""
    new, old = (", ".join(f"{row}.{column}" for column in kept) for row in ("NEW", "OLD"))
    return f"""
CREATE OR REPLACE FUNCTION public.billing_guard_usage_span() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL
       AND ({new})
         = ({old})
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'usage is never changed or deleted; only an open span may be ended, once'
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'usage_span_is_append_only';
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0005_pinned_search_path")]
    operations = [
        migrations.AddField(
            model_name="usagespan",
            name="is_beginning",
            field=models.BooleanField(db_default=True, default=True),
        ),
        migrations.RunSQL(guard([*KEPT, "is_beginning"]), guard(KEPT)),
    ]
