"""Emergency access lifts no bar: the barred one may be who types the password."""

from django.db import migrations

FORBID = """
CREATE FUNCTION identity_guard_who_lifts() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM public.identity_refuse_emergency(NEW.lifted_by_id);
    RETURN NEW;
END $$;
CREATE TRIGGER claim_bar_guard_who BEFORE UPDATE ON identity_claimbar
    FOR EACH ROW EXECUTE FUNCTION identity_guard_who_lifts();
"""
ALLOW = """
DROP TRIGGER claim_bar_guard_who ON identity_claimbar;
DROP FUNCTION identity_guard_who_lifts();
"""


class Migration(migrations.Migration):
    dependencies = [("identity", "0014_linked_identities")]
    operations = [migrations.RunSQL(FORBID, ALLOW)]
