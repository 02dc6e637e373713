"""Four eyes of two humans: a linked login of who asked is not another pair of eyes.

``identity_guard_other_humans`` is of identity's migration 0014.
"""

from django.db import migrations

FORBID = """
CREATE TRIGGER approval_given_by_another_human BEFORE INSERT ON catalog_approval
    FOR EACH ROW EXECUTE FUNCTION identity_guard_other_humans('requester_id', 'approver_id');
CREATE TRIGGER solution_decided_by_another_human BEFORE INSERT OR UPDATE ON catalog_solution
    FOR EACH ROW WHEN (NEW.decided_by_id IS NOT NULL)
    EXECUTE FUNCTION identity_guard_other_humans('proposed_by_id', 'decided_by_id');
CREATE TRIGGER drift_repair_decided_by_another_human BEFORE INSERT OR UPDATE ON catalog_driftrepair
    FOR EACH ROW WHEN (NEW.decided_by_id IS NOT NULL)
    EXECUTE FUNCTION identity_guard_other_humans('proposed_by_id', 'decided_by_id');
CREATE TRIGGER publication_decided_by_another_human BEFORE INSERT OR UPDATE ON catalog_publication
    FOR EACH ROW WHEN (NEW.decided_by_id IS NOT NULL)
    EXECUTE FUNCTION identity_guard_other_humans('proposed_by_id', 'decided_by_id');
"""
ALLOW = """
DROP TRIGGER publication_decided_by_another_human ON catalog_publication;
DROP TRIGGER drift_repair_decided_by_another_human ON catalog_driftrepair;
DROP TRIGGER solution_decided_by_another_human ON catalog_solution;
DROP TRIGGER approval_given_by_another_human ON catalog_approval;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0015_change_orders"),
        ("identity", "0014_linked_identities"),
    ]
    operations = [migrations.RunSQL(FORBID, ALLOW)]
