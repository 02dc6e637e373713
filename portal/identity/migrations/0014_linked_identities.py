"""One human with two logins becomes one person, under four eyes, held by the database itself.

An identity moves only as the newest proposal about it says that was granted, by two people who are
neither of both persons, nor one human with them. The person who is left without identities is
joined into the receiver; one who was joined comes back only together with their identity.

From then on the triggers that are called ``..._by_another_human`` take both for one, wherever two
pairs of eyes are asked for; those of orders and the cloud are in catalog's migration 0012.
"""

import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models

FORBID = """
CREATE FUNCTION identity_guard_other_humans() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    -- The arguments are the columns of the people; one person in two of them is another rule's.
    IF (SELECT count(DISTINCT person.id) > count(DISTINCT COALESCE(person.joined_into_id, person.id))
        FROM unnest(TG_ARGV) AS given (name)
        JOIN identity_person AS person ON person.id = (to_jsonb(NEW) ->> given.name)::bigint) THEN
        RAISE EXCEPTION 'two logins of one human are not two pairs of eyes'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER role_proposed_for_another_human BEFORE INSERT ON identity_roleproposal
    FOR EACH ROW EXECUTE FUNCTION identity_guard_other_humans('person_id', 'proposed_by_id');
CREATE TRIGGER role_proposal_decided_by_another_human BEFORE UPDATE ON identity_roleproposal
    FOR EACH ROW WHEN (NEW.decided_by_id IS NOT NULL)
    EXECUTE FUNCTION identity_guard_other_humans('person_id', 'proposed_by_id', 'decided_by_id');
CREATE TRIGGER deputy_is_another_human BEFORE INSERT ON identity_deputy
    FOR EACH ROW EXECUTE FUNCTION identity_guard_other_humans('absent_id', 'deputy_id');
CREATE TRIGGER review_item_decided_by_another_human BEFORE UPDATE ON identity_reviewitem
    FOR EACH ROW WHEN (NEW.decided_by_id IS NOT NULL)
    EXECUTE FUNCTION identity_guard_other_humans('person_id', 'decided_by_id');
CREATE TRIGGER claim_bar_lifted_by_another_human BEFORE UPDATE ON identity_claimbar
    FOR EACH ROW WHEN (NEW.lifted_by_id IS NOT NULL)
    EXECUTE FUNCTION identity_guard_other_humans('person_id', 'lifted_by_id');
CREATE TRIGGER link_decided_by_other_humans_than_the_holder
    BEFORE INSERT OR UPDATE ON identity_linkproposal
    FOR EACH ROW
    EXECUTE FUNCTION identity_guard_other_humans('holder_id', 'proposed_by_id', 'decided_by_id');
CREATE TRIGGER link_decided_by_other_humans_than_the_receiver
    BEFORE INSERT OR UPDATE ON identity_linkproposal
    FOR EACH ROW
    EXECUTE FUNCTION identity_guard_other_humans('receiver_id', 'proposed_by_id', 'decided_by_id');

CREATE FUNCTION identity_guard_new_link() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NEW.state <> 'proposed' THEN
        RAISE EXCEPTION 'a proposal begins by waiting for a decision'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'link_proposal_begins_waiting';
    END IF;
    IF NOT EXISTS (SELECT 1 FROM identity_identity
                   WHERE id = NEW.identity_id AND person_id = NEW.holder_id) THEN
        RAISE EXCEPTION 'a link is about an identity of its holder'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'link_is_about_an_identity_of_its_holder';
    END IF;
    IF NEW.undoes_id IS NOT NULL AND NOT EXISTS (
           SELECT 1 FROM identity_linkproposal
           WHERE id = NEW.undoes_id AND state = 'granted' AND identity_id = NEW.identity_id
             AND holder_id = NEW.receiver_id AND receiver_id = NEW.holder_id) THEN
        RAISE EXCEPTION 'a link is undone by the way back'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'link_undone_by_the_way_back';
    END IF;
    PERFORM identity_refuse_emergency(NEW.holder_id);
    PERFORM identity_refuse_emergency(NEW.receiver_id);
    PERFORM identity_refuse_emergency(NEW.proposed_by_id);
    RETURN NEW;
END $$;
CREATE TRIGGER link_proposal_guard_new BEFORE INSERT ON identity_linkproposal
    FOR EACH ROW EXECUTE FUNCTION identity_guard_new_link();

CREATE FUNCTION identity_guard_link() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    decision CONSTANT text[] := '{state,decided_by_id,decided_at,decision_reason}';
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a proposal is never deleted'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'link_proposal_is_never_deleted';
    END IF;
    IF OLD.state <> 'proposed' THEN
        RAISE EXCEPTION 'a proposal that is settled stays settled'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'link_proposal_that_is_settled_stays_settled';
    END IF;
    IF to_jsonb(NEW) - decision <> to_jsonb(OLD) - decision THEN
        RAISE EXCEPTION 'what was proposed never changes'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'link_proposal_never_changes';
    END IF;
    PERFORM identity_refuse_emergency(NEW.decided_by_id);
    RETURN NEW;
END $$;
CREATE TRIGGER link_proposal_guard BEFORE UPDATE OR DELETE ON identity_linkproposal
    FOR EACH ROW EXECUTE FUNCTION identity_guard_link();

CREATE OR REPLACE FUNCTION identity_guard_identity() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.issuer = OLD.issuer AND NEW.subject = OLD.subject
       AND (NEW.person_id = OLD.person_id
            OR (OLD.person_id, NEW.person_id) = (
                SELECT holder_id, receiver_id FROM identity_linkproposal
                WHERE identity_id = OLD.id AND state = 'granted' ORDER BY id DESC LIMIT 1)) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'an identity is never renamed or deleted, and moved by two people only'
        USING ERRCODE = 'integrity_constraint_violation',
              CONSTRAINT = 'identity_stays_with_its_person';
END $$;

CREATE FUNCTION identity_guard_moved_identity() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM identity_identity
                   WHERE id = NEW.id AND person_id = NEW.person_id) THEN
        RETURN NULL;  -- it moved on, and that is looked at by itself
    END IF;
    IF EXISTS (SELECT 1 FROM identity_person
               WHERE id = NEW.person_id AND joined_into_id IS NOT NULL)
       OR EXISTS (SELECT 1 FROM identity_person AS former
                  WHERE former.id = OLD.person_id
                    AND former.joined_into_id IS DISTINCT FROM NEW.person_id)
          AND NOT EXISTS (SELECT 1 FROM identity_linkproposal AS link
                          WHERE link.identity_id = NEW.id AND link.state = 'granted'
                            AND link.holder_id = OLD.person_id
                            AND link.receiver_id = NEW.person_id
                            AND link.undoes_id IS NOT NULL) THEN
        RAISE EXCEPTION 'whoever gave up an identity is joined into who received it'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'person_without_identity_is_joined';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER person_without_identity_is_joined
    AFTER UPDATE OF person_id ON identity_identity DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (OLD.person_id <> NEW.person_id)
    EXECUTE FUNCTION identity_guard_moved_identity();

CREATE FUNCTION identity_guard_joined_person() RETURNS trigger LANGUAGE plpgsql
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
CREATE TRIGGER person_guard_joined BEFORE UPDATE ON identity_person
    FOR EACH ROW WHEN (OLD.joined_into_id IS DISTINCT FROM NEW.joined_into_id)
    EXECUTE FUNCTION identity_guard_joined_person();

CREATE FUNCTION identity_guard_new_person() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'nobody begins as somebody else'
        USING ERRCODE = 'integrity_constraint_violation',
              CONSTRAINT = 'person_joined_as_it_was_decided';
END $$;
CREATE TRIGGER person_guard_new BEFORE INSERT ON identity_person
    FOR EACH ROW WHEN (NEW.joined_into_id IS NOT NULL)
    EXECUTE FUNCTION identity_guard_new_person();
"""
ALLOW = """
DROP TRIGGER person_guard_new ON identity_person;
DROP TRIGGER person_guard_joined ON identity_person;
DROP TRIGGER person_without_identity_is_joined ON identity_identity;
DROP TRIGGER link_proposal_guard ON identity_linkproposal;
DROP TRIGGER link_proposal_guard_new ON identity_linkproposal;
DROP TRIGGER link_decided_by_other_humans_than_the_receiver ON identity_linkproposal;
DROP TRIGGER link_decided_by_other_humans_than_the_holder ON identity_linkproposal;
DROP TRIGGER claim_bar_lifted_by_another_human ON identity_claimbar;
DROP TRIGGER review_item_decided_by_another_human ON identity_reviewitem;
DROP TRIGGER deputy_is_another_human ON identity_deputy;
DROP TRIGGER role_proposal_decided_by_another_human ON identity_roleproposal;
DROP TRIGGER role_proposed_for_another_human ON identity_roleproposal;
CREATE OR REPLACE FUNCTION identity_guard_identity() RETURNS trigger LANGUAGE plpgsql
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
DROP FUNCTION identity_guard_new_person();
DROP FUNCTION identity_guard_joined_person();
DROP FUNCTION identity_guard_moved_identity();
DROP FUNCTION identity_guard_link();
DROP FUNCTION identity_guard_new_link();
DROP FUNCTION identity_guard_other_humans();
"""



class Migration(migrations.Migration):

    dependencies = [
        ('identity', '0013_logout_orders'),
    ]

    operations = [
        migrations.CreateModel(
            name='LinkProposal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('reason', models.CharField(max_length=300)),
                ('proposed_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField()),
                ('state', models.CharField(choices=[('proposed', 'Waits for a decision'), ('granted', 'Granted'), ('refused', 'Refused'), ('withdrawn', 'Withdrawn'), ('expired', 'Expired')], default='proposed', max_length=10)),
                ('decided_at', models.DateTimeField(null=True)),
                ('decision_reason', models.CharField(blank=True, max_length=300)),
            ],
        ),
        migrations.RemoveConstraint(
            model_name='loginsession',
            name='login_session_end_known',
        ),
        migrations.AddField(
            model_name='person',
            name='joined_into',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='joined', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AlterField(
            model_name='loginsession',
            name='ended_how',
            field=models.CharField(blank=True, choices=[('own', 'Ended by yourself'), ('operator', 'Ended by an operator'), ('provider', 'Ended by the login service'), ('blocked', 'The account was blocked'), ('idle', 'Not used for too long'), ('absolute', 'The time was up'), ('replaced', 'Logged in again'), ('moved', 'Logged in for another organization'), ('linked', 'The login belongs to somebody else now'), ('removed', 'The login service is no longer used here')], max_length=20),
        ),
        migrations.AddConstraint(
            model_name='loginsession',
            constraint=models.CheckConstraint(condition=models.Q(('ended_how__in', ['', 'own', 'operator', 'provider', 'blocked', 'idle', 'absolute', 'replaced', 'moved', 'linked', 'removed'])), name='login_session_end_known'),
        ),
        migrations.AddConstraint(
            model_name='person',
            constraint=models.CheckConstraint(condition=models.Q(('joined_into', None), models.Q(('ended_at__isnull', False), ('is_active', False), models.Q(('joined_into', models.F('id')), _negated=True)), _connector='OR'), name='person_joined_into_another_has_ended'),
        ),
        migrations.AddField(
            model_name='linkproposal',
            name='decided_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='linkproposal',
            name='holder',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='linkproposal',
            name='identity',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='link_proposals', to='identity.identity'),
        ),
        migrations.AddField(
            model_name='linkproposal',
            name='proposed_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='linkproposal',
            name='receiver',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='linkproposal',
            name='undoes',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='undone_by', to='identity.linkproposal'),
        ),
        migrations.AddIndex(
            model_name='linkproposal',
            index=models.Index(fields=['state', 'expires_at'], name='link_proposal_by_state'),
        ),
        migrations.AddConstraint(
            model_name='linkproposal',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['proposed', 'granted', 'refused', 'withdrawn', 'expired'])), name='link_proposal_state_known'),
        ),
        migrations.AddConstraint(
            model_name='linkproposal',
            constraint=models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='link_proposal_has_a_reason'),
        ),
        migrations.AddConstraint(
            model_name='linkproposal',
            constraint=models.CheckConstraint(condition=models.Q(('holder', models.F('receiver')), _negated=True), name='link_is_between_two_persons'),
        ),
        migrations.AddConstraint(
            model_name='linkproposal',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('proposed_by', models.F('holder')), _negated=True), models.Q(('proposed_by', models.F('receiver')), _negated=True)), name='link_proposed_for_other_people'),
        ),
        migrations.AddConstraint(
            model_name='linkproposal',
            constraint=models.CheckConstraint(condition=models.Q(('decided_by', None), models.Q(models.Q(('decided_by', models.F('proposed_by')), _negated=True), models.Q(('decided_by', models.F('holder')), _negated=True), models.Q(('decided_by', models.F('receiver')), _negated=True)), _connector='OR'), name='link_proposal_decided_by_another_person'),
        ),
        migrations.AddConstraint(
            model_name='linkproposal',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('decided_at__isnull', False), ('decided_by__isnull', False), ('state__in', ['granted', 'refused'])), models.Q(('decided_at', None), ('decided_by', None), ('state__in', ['proposed', 'withdrawn', 'expired'])), _connector='OR'), name='link_proposal_decision_names_who_and_when'),
        ),
        migrations.AddConstraint(
            model_name='linkproposal',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'refused'), _negated=True), models.Q(('decision_reason', ''), _negated=True), _connector='OR'), name='link_proposal_refusal_has_a_reason'),
        ),
        migrations.AddConstraint(
            model_name='linkproposal',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'proposed')), fields=('identity',), name='link_proposal_one_waits_per_identity'),
        ),
        migrations.RunSQL(FORBID, ALLOW),
    ]
