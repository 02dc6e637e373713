"""An identity stays with the person it was made for: whoever moves one becomes somebody else.

Linking identities takes two people (nothing in the portal does it yet), and so must whatever lifts
this.
"""

from django.db import migrations

FORBID = """
CREATE FUNCTION identity_guard_identity() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.person_id = OLD.person_id
       AND NEW.issuer = OLD.issuer AND NEW.subject = OLD.subject THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'an identity is never renamed, moved or deleted'
        USING ERRCODE = 'integrity_constraint_violation',
              CONSTRAINT = 'identity_stays_with_its_person';
END $$;
CREATE TRIGGER identity_stays_with_its_person BEFORE UPDATE OR DELETE ON identity_identity
    FOR EACH ROW EXECUTE FUNCTION identity_guard_identity();
"""
ALLOW = """
DROP TRIGGER identity_stays_with_its_person ON identity_identity;
DROP FUNCTION identity_guard_identity();
"""


class Migration(migrations.Migration):
    dependencies = [("identity", "0011_confirmed_numbers")]
    operations = [migrations.RunSQL(FORBID, ALLOW)]
