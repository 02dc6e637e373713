"""The past does not change: a price may only be ended, a metered resource keeps its project."""

from django.db import migrations

FORBID = """
CREATE FUNCTION billing_guard_price() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.valid_until IS NULL
       AND (NEW.id, NEW.public_id, NEW.price_list_id, NEW.sku_id, NEW.unit, NEW.amount,
            NEW.valid_from, NEW.organization_id)
         IS NOT DISTINCT FROM
           (OLD.id, OLD.public_id, OLD.price_list_id, OLD.sku_id, OLD.unit, OLD.amount,
            OLD.valid_from, OLD.organization_id)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a price is never changed or deleted; only an open one may be ended, once'
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'price_is_append_only';
END $$;
CREATE TRIGGER price_append_only BEFORE UPDATE OR DELETE ON billing_price
    FOR EACH ROW EXECUTE FUNCTION billing_guard_price();

CREATE FUNCTION billing_guard_metered_resource() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND (NEW.id, NEW.public_id, NEW.project_id, NEW.cloud_id, NEW.kind)
                          = (OLD.id, OLD.public_id, OLD.project_id, OLD.cloud_id, OLD.kind)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'what was metered keeps its project and cloud, and is never deleted'
        USING ERRCODE = 'integrity_constraint_violation',
              CONSTRAINT = 'metered_resource_keeps_its_project';
END $$;
CREATE TRIGGER metered_resource_keeps_its_project BEFORE UPDATE OR DELETE
    ON billing_meteredresource
    FOR EACH ROW EXECUTE FUNCTION billing_guard_metered_resource();
"""
ALLOW = """
DROP TRIGGER metered_resource_keeps_its_project ON billing_meteredresource;
DROP FUNCTION billing_guard_metered_resource();
DROP TRIGGER price_append_only ON billing_price;
DROP FUNCTION billing_guard_price();
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0003_whole_seconds_and_end_dates")]
    operations = [migrations.RunSQL(FORBID, ALLOW)]
