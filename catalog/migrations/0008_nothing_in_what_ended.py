"""Nothing is ordered, claimed or made in a project that has ended, and none ends with such things.

Both sides lock the project's node (FOR SHARE here, the update itself there), so whoever comes
second sees what the first one did.
"""

from django.db import migrations

FORBID = """
CREATE FUNCTION catalog_guard_place() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM FROM identity_node WHERE id = NEW.project_id AND ended_at IS NULL FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'this project has ended'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = TG_ARGV[0];
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER order_placed_in_a_living_project BEFORE INSERT OR UPDATE OF project_id
    ON catalog_order FOR EACH ROW
    EXECUTE FUNCTION catalog_guard_place('order_placed_in_a_living_project');
CREATE TRIGGER quota_claimed_in_a_living_project BEFORE INSERT OR UPDATE OF project_id
    ON catalog_quotaclaim FOR EACH ROW
    EXECUTE FUNCTION catalog_guard_place('quota_claimed_in_a_living_project');
CREATE TRIGGER resource_made_in_a_living_project BEFORE INSERT OR UPDATE OF project_id
    ON catalog_resource FOR EACH ROW
    EXECUTE FUNCTION catalog_guard_place('resource_made_in_a_living_project');

CREATE FUNCTION catalog_guard_end_of_node() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF EXISTS (
        SELECT FROM catalog_order WHERE project_id = NEW.id
            AND state IN ('pending_approval', 'provisioning', 'failed')
    ) OR EXISTS (
        SELECT FROM catalog_resource WHERE project_id = NEW.id AND state <> 'retired'
    ) OR EXISTS (
        SELECT FROM catalog_quotaclaim WHERE project_id = NEW.id AND state <> 'released'
    ) THEN
        RAISE EXCEPTION 'a project ends after its orders, resources and claims'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'node_ends_after_what_was_ordered_in_it';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER node_ends_after_what_was_ordered_in_it BEFORE UPDATE OF ended_at ON identity_node
    FOR EACH ROW WHEN (OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL)
    EXECUTE FUNCTION catalog_guard_end_of_node();
"""
ALLOW = """
DROP TRIGGER node_ends_after_what_was_ordered_in_it ON identity_node;
DROP FUNCTION catalog_guard_end_of_node();
DROP TRIGGER resource_made_in_a_living_project ON catalog_resource;
DROP TRIGGER quota_claimed_in_a_living_project ON catalog_quotaclaim;
DROP TRIGGER order_placed_in_a_living_project ON catalog_order;
DROP FUNCTION catalog_guard_place();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0007_what_was_approved_stays"),
        ("identity", "0003_organizations_over_time"),
    ]
    operations = [migrations.RunSQL(FORBID, ALLOW)]
