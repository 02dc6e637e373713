"""Four eyes, held by the database itself.

An approval names the requester through a foreign key on (order, requested_by), so together with
the check ``approval_given_by_another_person`` no statement can make somebody approve their own
order. ``requested_by`` never changes, an approval is never changed or deleted, and an order
leaves "waiting for approval" only with an approval that says so.
"""

from django.db import migrations

FORBID = """
CREATE SEQUENCE catalog_order_number;

ALTER TABLE catalog_approval
    ADD CONSTRAINT approval_names_the_requester FOREIGN KEY (order_id, requester_id)
    REFERENCES catalog_order (id, requested_by_id);

CREATE FUNCTION catalog_guard_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.requested_by_id <> OLD.requested_by_id THEN
        RAISE EXCEPTION 'who asked for an order never changes'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'order_requester_never_changes';
    END IF;
    IF OLD.state = 'pending_approval' AND NEW.state NOT IN
           ('pending_approval', 'rejected', 'withdrawn', 'expired')
       AND NOT EXISTS (SELECT 1 FROM catalog_approval
                       WHERE order_id = NEW.id AND decision = 'approved') THEN
        RAISE EXCEPTION 'an order goes on only after an approval'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'order_goes_on_only_after_approval';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER order_guard BEFORE UPDATE ON catalog_order
    FOR EACH ROW EXECUTE FUNCTION catalog_guard_order();

CREATE FUNCTION catalog_guard_new_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state <> 'pending_approval' THEN
        RAISE EXCEPTION 'an order begins by waiting for approval'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'order_begins_waiting_for_approval';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER order_guard_new BEFORE INSERT ON catalog_order
    FOR EACH ROW EXECUTE FUNCTION catalog_guard_new_order();

CREATE FUNCTION catalog_guard_approval() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a decision is never changed or deleted'
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'approval_is_append_only';
END $$;
CREATE TRIGGER approval_append_only BEFORE UPDATE OR DELETE ON catalog_approval
    FOR EACH ROW EXECUTE FUNCTION catalog_guard_approval();
"""
ALLOW = """
DROP TRIGGER approval_append_only ON catalog_approval;
DROP TRIGGER order_guard_new ON catalog_order;
DROP TRIGGER order_guard ON catalog_order;
DROP FUNCTION catalog_guard_approval();
DROP FUNCTION catalog_guard_new_order();
DROP FUNCTION catalog_guard_order();
ALTER TABLE catalog_approval DROP CONSTRAINT approval_names_the_requester;
DROP SEQUENCE catalog_order_number;
"""


class Migration(migrations.Migration):
    dependencies = [("catalog", "0001_initial")]
    operations = [migrations.RunSQL(FORBID, ALLOW)]
