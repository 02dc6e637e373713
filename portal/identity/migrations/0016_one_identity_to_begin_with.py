"""A person has one identity to begin with, and whoever was joined comes back with their own.

More identities come by a link that two people decided on.
"""

from django.db import migrations

FORBID = """
CREATE FUNCTION identity_guard_new_identity() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    -- Two at the same moment: the second waits here for the first, and then sees it.
    PERFORM FROM identity_person WHERE id = NEW.person_id AND joined_into_id IS NULL
        FOR NO KEY UPDATE;
    IF NOT FOUND OR EXISTS (SELECT 1 FROM identity_identity WHERE person_id = NEW.person_id) THEN
        RAISE EXCEPTION 'a person gets a second identity by a link only'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'identity_is_the_first_of_its_person';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER identity_guard_new BEFORE INSERT ON identity_identity
    FOR EACH ROW EXECUTE FUNCTION identity_guard_new_identity();

CREATE OR REPLACE FUNCTION identity_guard_joined_person() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NEW.joined_into_id IS NULL
       AND EXISTS (SELECT 1 FROM identity_identity AS own
                   JOIN identity_linkproposal AS link ON link.identity_id = own.id
                   WHERE own.person_id = NEW.id AND link.state = 'granted'
                     AND link.undoes_id IS NOT NULL AND link.receiver_id = NEW.id
                     AND link.holder_id = OLD.joined_into_id) THEN
        RETURN NEW;
    END IF;
    IF NEW.joined_into_id IS NOT NULL AND OLD.joined_into_id IS NULL
       AND NOT EXISTS (SELECT 1 FROM identity_identity WHERE person_id = NEW.id)
       AND NOT EXISTS (SELECT 1 FROM identity_person WHERE joined_into_id = NEW.id)
       AND EXISTS (SELECT 1 FROM identity_identity AS moved
                   JOIN identity_linkproposal AS link ON link.identity_id = moved.id
                   WHERE moved.person_id = NEW.joined_into_id AND link.state = 'granted'
                     AND link.holder_id = NEW.id AND link.receiver_id = NEW.joined_into_id) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a person is joined into another, and comes back, together with the identity'
        USING ERRCODE = 'integrity_constraint_violation',
              CONSTRAINT = 'person_joined_as_it_was_decided';
END $$;
"""
ALLOW = """
CREATE OR REPLACE FUNCTION identity_guard_joined_person() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NEW.joined_into_id IS NULL
       AND EXISTS (SELECT 1 FROM identity_identity WHERE person_id = NEW.id) THEN
        RETURN NEW;
    END IF;
    IF NEW.joined_into_id IS NOT NULL AND OLD.joined_into_id IS NULL
       AND NOT EXISTS (SELECT 1 FROM identity_identity WHERE person_id = NEW.id)
       AND NOT EXISTS (SELECT 1 FROM identity_person WHERE joined_into_id = NEW.id)
       AND EXISTS (SELECT 1 FROM identity_identity AS moved
                   JOIN identity_linkproposal AS link ON link.identity_id = moved.id
                   WHERE moved.person_id = NEW.joined_into_id AND link.state = 'granted'
                     AND link.holder_id = NEW.id AND link.receiver_id = NEW.joined_into_id) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a person is joined into another, and comes back, together with the identity'
        USING ERRCODE = 'integrity_constraint_violation',
              CONSTRAINT = 'person_joined_as_it_was_decided';
END $$;
DROP TRIGGER identity_guard_new ON identity_identity;
DROP FUNCTION identity_guard_new_identity();
"""


class Migration(migrations.Migration):
    dependencies = [("identity", "0015_emergency_lifts_no_bar")]
    operations = [migrations.RunSQL(FORBID, ALLOW)]
