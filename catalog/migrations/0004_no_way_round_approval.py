"""Four eyes without a detour.

Until now an order could be withdrawn first and go on from there, and a resource could be made
for an order that nobody had approved: both past the guard of "waiting for approval".
"""

from django.db import migrations

FORBID = """
CREATE OR REPLACE FUNCTION catalog_guard_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.requested_by_id <> OLD.requested_by_id THEN
        RAISE EXCEPTION 'who asked for an order never changes'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'order_requester_never_changes';
    END IF;
    IF OLD.state IN ('rejected', 'withdrawn', 'expired') AND NEW.state <> OLD.state THEN
        RAISE EXCEPTION 'an order that ended stays ended'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'order_that_ended_stays_ended';
    END IF;
    IF NEW.state NOT IN ('pending_approval', 'rejected', 'withdrawn', 'expired')
       AND NOT EXISTS (SELECT 1 FROM catalog_approval
                       WHERE order_id = NEW.id AND decision = 'approved') THEN
        RAISE EXCEPTION 'an order goes on only after an approval'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'order_goes_on_only_after_approval';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION catalog_guard_new_resource() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.order_line_id IS NOT NULL
       AND NOT EXISTS (SELECT 1 FROM catalog_orderline AS line
                       JOIN catalog_approval AS approval ON approval.order_id = line.order_id
                       WHERE line.id = NEW.order_line_id AND approval.decision = 'approved') THEN
        RAISE EXCEPTION 'nothing is made for an order that nobody approved'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'resource_of_an_approved_order';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER resource_guard_new BEFORE INSERT OR UPDATE OF order_line_id ON catalog_resource
    FOR EACH ROW EXECUTE FUNCTION catalog_guard_new_resource();
"""
ALLOW = """
DROP TRIGGER resource_guard_new ON catalog_resource;
DROP FUNCTION catalog_guard_new_resource();
CREATE OR REPLACE FUNCTION catalog_guard_order() RETURNS trigger LANGUAGE plpgsql AS $$
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
"""


class Migration(migrations.Migration):
    dependencies = [("catalog", "0003_step_outcome_unknown_at")]
    operations = [migrations.RunSQL(FORBID, ALLOW)]
