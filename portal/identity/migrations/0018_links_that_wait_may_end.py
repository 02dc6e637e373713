"""A proposal to link may be withdrawn and may run out whoever its proposer turned out to be."""

from django.db import migrations

TRIGGER = """
DROP TRIGGER link_decided_by_other_humans_than_the_{of} ON identity_linkproposal;
CREATE TRIGGER link_decided_by_other_humans_than_the_{of}
    BEFORE INSERT OR UPDATE ON identity_linkproposal
    FOR EACH ROW {when}
    EXECUTE FUNCTION identity_guard_other_humans('{of}_id', 'proposed_by_id', 'decided_by_id');
"""
WHO = ("holder", "receiver")
WHEN = "WHEN (NEW.state = 'proposed' OR NEW.decided_by_id IS NOT NULL)"
FORBID = "".join(TRIGGER.format(of=of, when=WHEN) for of in WHO)
AS_BEFORE = "".join(TRIGGER.format(of=of, when="") for of in WHO)


class Migration(migrations.Migration):
    dependencies = [("identity", "0017_once_linked")]
    operations = [migrations.RunSQL(FORBID, AS_BEFORE)]
