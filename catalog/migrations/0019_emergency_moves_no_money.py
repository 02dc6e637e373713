"""Emergency access proposes no paid solution or repair, and decides on none.

Whoever types its password may be one of the two already. ``identity_refuse_emergency`` is of
identity's migration 0008.
"""

from django.db import migrations

FORBID = """
CREATE FUNCTION catalog_guard_who_repairs() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' OR NEW.state = 'confirmed' THEN
        PERFORM public.identity_refuse_emergency(NEW.proposed_by_id);
    END IF;
    PERFORM public.identity_refuse_emergency(NEW.decided_by_id);
    RETURN NEW;
END $$;
CREATE TRIGGER drift_repair_guard_who BEFORE INSERT OR UPDATE ON catalog_driftrepair
    FOR EACH ROW EXECUTE FUNCTION catalog_guard_who_repairs();
CREATE TRIGGER solution_guard_who BEFORE INSERT OR UPDATE ON catalog_solution
    FOR EACH ROW WHEN (NEW.moves_money) EXECUTE FUNCTION catalog_guard_who_repairs();
"""
ALLOW = """
DROP TRIGGER solution_guard_who ON catalog_solution;
DROP TRIGGER drift_repair_guard_who ON catalog_driftrepair;
DROP FUNCTION catalog_guard_who_repairs();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0018_only_deliveries_are_undone"),
        ("identity", "0015_emergency_lifts_no_bar"),
    ]
    operations = [migrations.RunSQL(FORBID, ALLOW)]
