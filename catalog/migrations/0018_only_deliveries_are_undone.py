"""What was delivered once is somebody's: it is retired by name, never undone."""

from django.db import migrations

FORBID = """
CREATE FUNCTION public.catalog_guard_undoing() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM public.catalog_resource
               WHERE id = NEW.resource_id AND activated_at IS NOT NULL) THEN
        RAISE EXCEPTION 'only what was never delivered is undone'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'operation_undoes_only_a_delivery';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER operation_guard_undoing BEFORE INSERT OR UPDATE OF kind, resource_id
    ON public.catalog_operation FOR EACH ROW WHEN (NEW.kind = 'compensate')
    EXECUTE FUNCTION public.catalog_guard_undoing();
"""
ALLOW = """
DROP TRIGGER operation_guard_undoing ON public.catalog_operation;
DROP FUNCTION public.catalog_guard_undoing();
"""


class Migration(migrations.Migration):
    dependencies = [("catalog", "0017_offering_stays_what_it_is")]
    operations = [migrations.RunSQL(FORBID, ALLOW)]
