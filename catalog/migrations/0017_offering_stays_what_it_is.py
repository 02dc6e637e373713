"""An offering keeps its code and its kind: its versions, and what runs, are read by them."""

from django.db import migrations

FORBID = """
CREATE FUNCTION public.catalog_guard_offering() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF (NEW.id, NEW.public_id, NEW.code, NEW.kind)
       IS DISTINCT FROM (OLD.id, OLD.public_id, OLD.code, OLD.kind) THEN
        RAISE EXCEPTION 'an offering keeps its code and its kind'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'offering_stays_what_it_is';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER offering_guard BEFORE UPDATE ON public.catalog_offering
    FOR EACH ROW EXECUTE FUNCTION public.catalog_guard_offering();
"""
ALLOW = """
DROP TRIGGER offering_guard ON public.catalog_offering;
DROP FUNCTION public.catalog_guard_offering();
"""


class Migration(migrations.Migration):
    dependencies = [("catalog", "0016_decided_by_another_human")]

    operations = [migrations.RunSQL(FORBID, ALLOW)]
