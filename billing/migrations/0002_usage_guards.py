"""A usage span changes once: its end goes from NULL to a moment. Nothing else, ever."""

from django.db import migrations

FORBID = """
CREATE FUNCTION billing_guard_usage_span() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL
       AND (NEW.id, NEW.resource_id, NEW.sku_id, NEW.quantity, NEW.started_at, NEW.start_facts)
         = (OLD.id, OLD.resource_id, OLD.sku_id, OLD.quantity, OLD.started_at, OLD.start_facts)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'usage is never changed or deleted; only an open span may be ended, once'
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'usage_span_is_append_only';
END $$;
CREATE TRIGGER usage_span_append_only BEFORE UPDATE OR DELETE ON billing_usagespan
    FOR EACH ROW EXECUTE FUNCTION billing_guard_usage_span();
"""
ALLOW = """
DROP TRIGGER usage_span_append_only ON billing_usagespan;
DROP FUNCTION billing_guard_usage_span();
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_initial")]
    operations = [migrations.RunSQL(FORBID, ALLOW)]
