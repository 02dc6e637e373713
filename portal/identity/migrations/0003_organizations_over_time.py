"""A tree that changes without leaving anything behind, and facts of the past that stay.

The triggers hold what no constraint can: they look at other rows. A parent is read FOR SHARE, so
that nobody ends it before the row below it is there to be seen.
"""

import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.db.models.deletion
import django.db.models.functions.comparison
import django.db.models.functions.text
import portal.core.models
from django.conf import settings
from django.db import migrations, models

FORBID = """
CREATE FUNCTION identity_guard_node() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.kind <> OLD.kind THEN
        RAISE EXCEPTION 'an organization never becomes a project, nor the other way round'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'node_keeps_its_kind';
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.ended_at IS NOT NULL AND NEW.ended_at IS DISTINCT FROM OLD.ended_at
    THEN
        RAISE EXCEPTION 'what has ended does not come back'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'node_that_ended_stays_ended';
    END IF;
    IF NEW.ended_at IS NULL AND NEW.parent_id IS NOT NULL THEN
        PERFORM FROM identity_node
            WHERE id = NEW.parent_id AND kind = 'organization' AND ended_at IS NULL FOR SHARE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'a living node stands below a living organization'
                USING ERRCODE = 'integrity_constraint_violation',
                      CONSTRAINT = 'node_lives_below_a_living_organization';
        END IF;
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.ended_at IS NOT NULL AND OLD.ended_at IS NULL AND EXISTS (
        SELECT FROM identity_node WHERE parent_id = NEW.id AND ended_at IS NULL
    ) THEN
        RAISE EXCEPTION 'a node ends after everything below it'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'node_ends_after_everything_below_it';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER node_guard BEFORE INSERT OR UPDATE OF kind, parent_id, ended_at ON identity_node
    FOR EACH ROW EXECUTE FUNCTION identity_guard_node();

-- At the end of the transaction, for a move changes a branch row by row.
CREATE FUNCTION identity_check_ancestors() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF EXISTS (
        SELECT FROM identity_node AS node
        JOIN identity_node AS parent ON parent.id = node.parent_id
        WHERE (node.id = NEW.id OR node.parent_id = NEW.id)
            AND node.ancestor_ids <> parent.ancestor_ids || parent.id
    ) THEN
        RAISE EXCEPTION 'ancestors must follow from the parents'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'node_ancestors_follow_from_parents';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER node_ancestors_follow_from_parents
    AFTER INSERT OR UPDATE OF parent_id, ancestor_ids ON identity_node
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION identity_check_ancestors();

UPDATE identity_organization SET is_ended = true
    FROM identity_node WHERE id = node_ptr_id AND ended_at IS NOT NULL;
CREATE FUNCTION identity_mark_ended() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    UPDATE identity_organization SET is_ended = NEW.ended_at IS NOT NULL
        WHERE node_ptr_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER node_marks_organization_ended AFTER UPDATE OF ended_at ON identity_node
    FOR EACH ROW EXECUTE FUNCTION identity_mark_ended();

CREATE FUNCTION identity_guard_grant() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM FROM identity_node WHERE id = NEW.node_id AND ended_at IS NULL FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'nobody gets a role on what has ended'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'role_granted_on_a_living_node';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER role_granted_on_a_living_node BEFORE INSERT OR UPDATE OF node_id
    ON identity_rolegrant FOR EACH ROW EXECUTE FUNCTION identity_guard_grant();

CREATE FUNCTION identity_guard_dated_fact() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - 'valid_until' = to_jsonb(OLD) - 'valid_until' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a fact of the past is never changed or deleted; it may only end'
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'dated_fact_may_only_end';
END $$;
CREATE TRIGGER cost_centre_may_only_end BEFORE UPDATE OR DELETE ON identity_costcentre
    FOR EACH ROW EXECUTE FUNCTION identity_guard_dated_fact();
CREATE TRIGGER vat_treatment_may_only_end BEFORE UPDATE OR DELETE ON identity_vattreatmentperiod
    FOR EACH ROW EXECUTE FUNCTION identity_guard_dated_fact();
CREATE TRIGGER project_owner_may_only_end BEFORE UPDATE OR DELETE ON identity_projectowner
    FOR EACH ROW EXECUTE FUNCTION identity_guard_dated_fact();
CREATE TRIGGER data_owner_may_only_end BEFORE UPDATE OR DELETE ON identity_dataowner
    FOR EACH ROW EXECUTE FUNCTION identity_guard_dated_fact();
"""
ALLOW = """
DROP TRIGGER data_owner_may_only_end ON identity_dataowner;
DROP TRIGGER project_owner_may_only_end ON identity_projectowner;
DROP TRIGGER vat_treatment_may_only_end ON identity_vattreatmentperiod;
DROP TRIGGER cost_centre_may_only_end ON identity_costcentre;
DROP FUNCTION identity_guard_dated_fact();
DROP TRIGGER role_granted_on_a_living_node ON identity_rolegrant;
DROP FUNCTION identity_guard_grant();
DROP TRIGGER node_marks_organization_ended ON identity_node;
DROP FUNCTION identity_mark_ended();
DROP TRIGGER node_ancestors_follow_from_parents ON identity_node;
DROP FUNCTION identity_check_ancestors();
DROP TRIGGER node_guard ON identity_node;
DROP FUNCTION identity_guard_node();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('identity', '0002_login_sessions'),
    ]

    operations = [
        migrations.CreateModel(
            name='DataOwner',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('valid_from', models.DateTimeField()),
                ('valid_until', models.DateTimeField(null=True)),
            ],
        ),
        migrations.RemoveConstraint(
            model_name='organization',
            name='organization_one_per_oin',
        ),
        migrations.AddField(
            model_name='organization',
            name='is_ended',
            field=models.BooleanField(default=False, editable=False),
        ),
        migrations.AlterField(
            model_name='organization',
            name='kvk_number',
            field=models.CharField(blank=True, max_length=8),
        ),
        migrations.AlterField(
            model_name='organization',
            name='oin',
            field=models.CharField(blank=True, max_length=20),
        ),
        migrations.AlterField(
            model_name='organization',
            name='rsin',
            field=models.CharField(blank=True, max_length=9),
        ),
        migrations.AddConstraint(
            model_name='node',
            constraint=models.UniqueConstraint(django.db.models.functions.comparison.Coalesce(models.F('parent'), models.Value(0)), django.db.models.functions.text.Lower('name'), condition=models.Q(('ended_at', None)), name='node_name_unique_among_living_siblings'),
        ),
        migrations.AddConstraint(
            model_name='node',
            constraint=models.CheckConstraint(condition=models.Q(('name', ''), _negated=True), name='node_has_a_name'),
        ),
        migrations.AddConstraint(
            model_name='organization',
            constraint=models.UniqueConstraint(condition=models.Q(models.Q(('oin', ''), _negated=True), ('is_ended', False)), fields=('oin',), name='organization_one_living_per_oin'),
        ),
        migrations.AddConstraint(
            model_name='organization',
            constraint=models.CheckConstraint(condition=models.Q(('oin__regex', '^([0-9]{20})?$')), name='organization_oin_has_20_digits'),
        ),
        migrations.AddConstraint(
            model_name='organization',
            constraint=models.CheckConstraint(condition=models.Q(('kvk_number__regex', '^([0-9]{8})?$')), name='organization_kvk_number_has_8_digits'),
        ),
        migrations.AddConstraint(
            model_name='organization',
            constraint=models.CheckConstraint(condition=models.Q(('rsin__regex', '^([0-9]{9})?$')), name='organization_rsin_has_9_digits'),
        ),
        migrations.AddField(
            model_name='dataowner',
            name='node',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='data_owners', to='identity.node'),
        ),
        migrations.AddField(
            model_name='dataowner',
            name='owner',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddConstraint(
            model_name='dataowner',
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(expressions=[(portal.core.models.PointRange('node_id'), '&&'), (portal.core.models.TsTzRange('valid_from', 'valid_until', django.contrib.postgres.fields.ranges.RangeBoundary()), '&&')], name='node_has_one_data_owner_at_a_time'),
        ),
        migrations.RunSQL(FORBID, ALLOW),
    ]
