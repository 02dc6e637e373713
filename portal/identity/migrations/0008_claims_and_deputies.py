"""What a claim gives, who decides in whose place, and what emergency access does not decide.

A role by claim is for somebody whom that provider knows, and lasts a day. An appointment says who
made it and when it ends, is for an approver's place and a colleague, and stays as it was made; only
its end may come sooner, once. The triggers say what ``services`` says: ``standing_grants`` in
``role_policies`` is ``identity_standing_nodes`` here. Whoever has the emergency password is one
person to the portal and may be any: that person proposes no role, and judges none.

Appointments from before they were made in the portal say neither: they end now.
"""

from datetime import timedelta

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import F, Q

FILL = """
SET CONSTRAINTS ALL IMMEDIATE;
UPDATE identity_deputy SET appointed_by_id = absent_id WHERE appointed_by_id IS NULL;
UPDATE identity_deputy SET valid_until = GREATEST(valid_from, now()) WHERE valid_until IS NULL;
UPDATE identity_deputy SET valid_until = valid_from + interval '366 days'
 WHERE valid_until > valid_from + interval '366 days';
"""
# Five minutes are for clocks that differ: the portal's says when, the database's judges.
FORBID = """
CREATE FUNCTION identity_guard_claimed_grant() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' AND NOT EXISTS (
           SELECT 1 FROM identity_identity
           WHERE person_id = NEW.person_id AND issuer = NEW.issuer) THEN
        RAISE EXCEPTION 'a claim is about somebody whom its provider knows'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'role_claimed_where_the_person_is_known';
    END IF;
    IF (TG_OP = 'INSERT' OR NEW.valid_until > OLD.valid_until)
       AND NEW.valid_until > clock_timestamp() + interval '24 hours 5 minutes' THEN
        RAISE EXCEPTION 'a role by claim lasts a day'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'role_by_claim_lasts_a_day';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER role_grant_guard_claimed BEFORE INSERT OR UPDATE ON identity_rolegrant
    FOR EACH ROW WHEN (NEW.issuer <> '') EXECUTE FUNCTION identity_guard_claimed_grant();

CREATE FUNCTION identity_standing_nodes(person bigint, wanted text) RETURNS SETOF bigint
    LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT held.node_id
    FROM identity_rolegrant AS held JOIN identity_person AS holder ON holder.id = held.person_id
    WHERE held.person_id = person AND (wanted = '' OR held.role = wanted)
      AND holder.is_active AND held.issuer <> 'urn:cloudloket:break-glass'
      AND (held.valid_from <= clock_timestamp() AND held.valid_until > clock_timestamp()
           OR held.issuer <> '' AND held.end_reason = '' AND holder.absent_since IS NULL
              AND held.valid_until > holder.last_login)
$$;

CREATE FUNCTION identity_guard_new_deputy() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM identity_standing_nodes(NEW.absent_id, 'approver')) THEN
        RAISE EXCEPTION 'only an approver has a deputy'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'deputy_of_an_approver';
    END IF;
    IF NOT EXISTS (
           SELECT 1
           FROM identity_node AS approved, identity_node AS worked
           WHERE approved.id IN (SELECT identity_standing_nodes(NEW.absent_id, 'approver'))
             AND worked.id IN (SELECT identity_standing_nodes(NEW.deputy_id, ''))
             AND COALESCE(approved.ancestor_ids[1], approved.id)
               = COALESCE(worked.ancestor_ids[1], worked.id)) THEN
        RAISE EXCEPTION 'a deputy has a role in the same organization'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'deputy_is_a_colleague';
    END IF;
    IF NEW.appointed_by_id <> NEW.absent_id AND EXISTS (
           SELECT 1 FROM identity_node AS approved
           WHERE approved.id IN (SELECT identity_standing_nodes(NEW.absent_id, 'approver'))
             AND NOT approved.ancestor_ids || approved.id && ARRAY(
                 SELECT identity_standing_nodes(NEW.appointed_by_id, 'quota_administrator'))) THEN
        RAISE EXCEPTION 'a deputy is appointed by the absent one or who administers their nodes'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'deputy_appointed_by_who_may';
    END IF;
    IF NEW.valid_from < clock_timestamp() - interval '5 minutes' THEN
        RAISE EXCEPTION 'nobody is appointed for the past'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'deputy_not_appointed_for_the_past';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER deputy_guard_new BEFORE INSERT ON identity_deputy
    FOR EACH ROW EXECUTE FUNCTION identity_guard_new_deputy();

CREATE FUNCTION identity_guard_deputy() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'an appointment is ended, never deleted'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'deputy_is_never_deleted';
    END IF;
    IF to_jsonb(NEW) - 'valid_until' <> to_jsonb(OLD) - 'valid_until' THEN
        RAISE EXCEPTION 'an appointment stays as it was made'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'deputy_never_changes';
    END IF;
    IF NEW.valid_until > OLD.valid_until
       OR NEW.valid_until < OLD.valid_until
          AND NEW.valid_until < clock_timestamp() - interval '5 minutes' THEN
        RAISE EXCEPTION 'the end of an appointment comes sooner, and not in the past'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'deputy_end_only_comes_sooner';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER deputy_guard BEFORE UPDATE OR DELETE ON identity_deputy
    FOR EACH ROW EXECUTE FUNCTION identity_guard_deputy();

CREATE FUNCTION identity_refuse_emergency(person bigint) RETURNS void LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM identity_identity
               WHERE person_id = person AND issuer = 'urn:cloudloket:break-glass') THEN
        RAISE EXCEPTION 'emergency access neither proposes nor judges what others may do'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'emergency_access_decides_nothing';
    END IF;
END $$;

CREATE FUNCTION identity_guard_who_proposes() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' OR NEW.state = 'granted' THEN
        PERFORM identity_refuse_emergency(NEW.proposed_by_id);
    END IF;
    PERFORM identity_refuse_emergency(NEW.decided_by_id);
    RETURN NEW;
END $$;
CREATE TRIGGER role_proposal_guard_who BEFORE INSERT OR UPDATE ON identity_roleproposal
    FOR EACH ROW EXECUTE FUNCTION identity_guard_who_proposes();

CREATE FUNCTION identity_guard_who_judges() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM identity_refuse_emergency(NEW.decided_by_id);
    RETURN NEW;
END $$;
CREATE TRIGGER review_item_guard_who BEFORE UPDATE ON identity_reviewitem
    FOR EACH ROW EXECUTE FUNCTION identity_guard_who_judges();
"""
ALLOW = """
DROP TRIGGER review_item_guard_who ON identity_reviewitem;
DROP TRIGGER role_proposal_guard_who ON identity_roleproposal;
DROP FUNCTION identity_guard_who_judges();
DROP FUNCTION identity_guard_who_proposes();
DROP FUNCTION identity_refuse_emergency(bigint);
DROP TRIGGER deputy_guard ON identity_deputy;
DROP TRIGGER deputy_guard_new ON identity_deputy;
DROP TRIGGER role_grant_guard_claimed ON identity_rolegrant;
DROP FUNCTION identity_guard_deputy();
DROP FUNCTION identity_guard_new_deputy();
DROP FUNCTION identity_standing_nodes(bigint, text);
DROP FUNCTION identity_guard_claimed_grant();
"""


class Migration(migrations.Migration):
    dependencies = [("identity", "0007_one_organization_per_number")]
    operations = [
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.AlterField(
            "deputy",
            "appointed_by",
            models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AlterField("deputy", "valid_until", models.DateTimeField()),
        migrations.RemoveConstraint("deputy", "deputy_appointed_by_another_person"),
        migrations.RemoveConstraint("deputy", "deputy_ends_after_it_begins"),
        migrations.AddConstraint(
            "deputy",
            models.CheckConstraint(
                condition=~Q(appointed_by=F("deputy")), name="deputy_appointed_by_another_person"
            ),
        ),
        migrations.AddConstraint(
            "deputy",
            models.CheckConstraint(
                condition=Q(valid_until__gte=F("valid_from")), name="deputy_ends_after_it_begins"
            ),
        ),
        migrations.AddConstraint(
            "deputy",
            models.CheckConstraint(
                condition=Q(valid_until__lte=F("valid_from") + timedelta(days=368)),
                name="deputy_for_a_year_at_most",
            ),
        ),
        migrations.RunSQL(FORBID, ALLOW),
    ]
