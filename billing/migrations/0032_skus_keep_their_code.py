"""A SKU keeps its code: statements, files and orders name it."""

from django.db import migrations

PINNED = "SET search_path = pg_catalog, public, pg_temp"
GUARD = f"""
CREATE FUNCTION public.billing_guard_sku() RETURNS trigger
    LANGUAGE plpgsql {PINNED} AS $$
BEGIN
    RAISE EXCEPTION 'a SKU is described otherwise, but keeps its code'
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'sku_keeps_its_code';
END $$;
CREATE TRIGGER sku_keeps_its_code BEFORE UPDATE ON billing_sku
    FOR EACH ROW WHEN ((NEW.id, NEW.code) IS DISTINCT FROM (OLD.id, OLD.code))
    EXECUTE FUNCTION public.billing_guard_sku();
"""
FORGET = """
DROP TRIGGER sku_keeps_its_code ON billing_sku;
DROP FUNCTION public.billing_guard_sku();
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0031_files_of_the_books")]

    operations = [migrations.RunSQL(GUARD, FORGET)]
