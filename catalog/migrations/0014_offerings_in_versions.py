"""Offerings in versions: drafts that people make, publication by two, and what stays as it was."""

import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models

PINNED = "SET search_path = pg_catalog, public, pg_temp"
# Of a version, what may still be written when it was proposed, published or withdrawn.
LATER = "ARRAY['state', 'withdrawn_by_id', 'withdrawn_at']"
FORBID = f"""
CREATE FUNCTION public.catalog_offering_version_may_change(version bigint) RETURNS boolean
    LANGUAGE plpgsql {PINNED} AS $$
DECLARE
    current_state text;
BEGIN
    -- Whoever proposes or publishes meanwhile locks the same row, and waits or is waited for.
    SELECT state INTO current_state FROM public.catalog_offeringversion
        WHERE id = version FOR NO KEY UPDATE;
    RETURN current_state = 'draft' AND NOT EXISTS (
        SELECT FROM public.catalog_publication
        WHERE version_id = version AND state IN ('proposed', 'confirmed')
    );
END $$;

CREATE FUNCTION public.catalog_guard_offering_version() RETURNS trigger LANGUAGE plpgsql
    {PINNED} AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a version of an offering is withdrawn, never deleted'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'offering_version_stays';
    END IF;
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'draft' THEN
            RAISE EXCEPTION 'a version of an offering begins as a draft'
                USING ERRCODE = 'integrity_constraint_violation',
                      CONSTRAINT = 'offering_version_begins_as_a_draft';
        END IF;
        RETURN NEW;
    END IF;
    IF (NEW.id, NEW.public_id, NEW.offering_id, NEW.number, NEW.drafted_by_id, NEW.drafted_at)
       IS DISTINCT FROM
       (OLD.id, OLD.public_id, OLD.offering_id, OLD.number, OLD.drafted_by_id, OLD.drafted_at)
       OR (
        (OLD.state <> 'draft' OR NEW.state <> 'draft' OR EXISTS (
            SELECT FROM public.catalog_publication
            WHERE version_id = OLD.id AND state IN ('proposed', 'confirmed')
        )) AND to_jsonb(NEW) - {LATER} IS DISTINCT FROM to_jsonb(OLD) - {LATER})
       OR (OLD.state = 'withdrawn' AND NEW IS DISTINCT FROM OLD)
    THEN
        RAISE EXCEPTION 'what was proposed, published or withdrawn never changes'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'offering_version_never_changes';
    END IF;
    IF NEW.state = OLD.state THEN
        RETURN NEW;
    END IF;
    IF NEW.state = 'draft' THEN
        RAISE EXCEPTION 'what was published is no draft again'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'offering_version_is_no_draft_again';
    END IF;
    IF NEW.state = 'published' AND NOT EXISTS (
        SELECT FROM public.catalog_publication WHERE version_id = OLD.id AND state = 'confirmed'
    ) THEN
        RAISE EXCEPTION 'a version is published when a second person confirmed that'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'offering_version_published_by_two_people';
    END IF;
    IF NEW.state = 'withdrawn' AND (
        NEW.withdrawn_by_id IS NULL OR NEW.withdrawn_at IS NULL OR EXISTS (
            SELECT FROM public.catalog_publication WHERE version_id = OLD.id AND state = 'proposed'
        )
    ) THEN
        RAISE EXCEPTION 'somebody withdraws a version, and not while it waits for a decision'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'offering_version_withdrawn_by_somebody';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER offering_version_guard
    BEFORE INSERT OR UPDATE OR DELETE ON public.catalog_offeringversion
    FOR EACH ROW EXECUTE FUNCTION public.catalog_guard_offering_version();

CREATE FUNCTION public.catalog_guard_visible_to() RETURNS trigger LANGUAGE plpgsql
    {PINNED} AS $$
BEGIN
    IF (TG_OP <> 'INSERT'
        AND NOT public.catalog_offering_version_may_change(OLD.offeringversion_id))
       OR (TG_OP <> 'DELETE'
        AND NOT public.catalog_offering_version_may_change(NEW.offeringversion_id))
    THEN
        RAISE EXCEPTION 'who sees what was proposed, published or withdrawn never changes'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'offering_version_never_changes';
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER offering_version_visible_to_guard
    BEFORE INSERT OR UPDATE OR DELETE ON public.catalog_offeringversion_visible_to
    FOR EACH ROW EXECUTE FUNCTION public.catalog_guard_visible_to();

CREATE FUNCTION public.catalog_guard_new_publication() RETURNS trigger LANGUAGE plpgsql
    {PINNED} AS $$
BEGIN
    IF NEW.state <> 'proposed'
       OR NOT public.catalog_offering_version_may_change(NEW.version_id) THEN
        RAISE EXCEPTION 'a publication begins by waiting for a decision on a draft'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'publication_begins_waiting';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER publication_guard_new BEFORE INSERT ON public.catalog_publication
    FOR EACH ROW EXECUTE FUNCTION public.catalog_guard_new_publication();

CREATE FUNCTION public.catalog_guard_publication() RETURNS trigger LANGUAGE plpgsql
    {PINNED} AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.state <> 'proposed' THEN
        RAISE EXCEPTION 'a publication that is settled stays, and so does one that waits'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'publication_that_is_settled_stays_settled';
    END IF;
    IF (NEW.id, NEW.public_id, NEW.version_id, NEW.proposed_by_id, NEW.proposed_at)
       IS DISTINCT FROM
       (OLD.id, OLD.public_id, OLD.version_id, OLD.proposed_by_id, OLD.proposed_at) THEN
        RAISE EXCEPTION 'what was proposed never changes'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'publication_never_changes';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER publication_guard BEFORE UPDATE OR DELETE ON public.catalog_publication
    FOR EACH ROW EXECUTE FUNCTION public.catalog_guard_publication();
"""
ALLOW = """
DROP TRIGGER publication_guard ON public.catalog_publication;
DROP TRIGGER publication_guard_new ON public.catalog_publication;
DROP TRIGGER offering_version_visible_to_guard ON public.catalog_offeringversion_visible_to;
DROP TRIGGER offering_version_guard ON public.catalog_offeringversion;
DROP FUNCTION public.catalog_guard_publication();
DROP FUNCTION public.catalog_guard_new_publication();
DROP FUNCTION public.catalog_guard_visible_to();
DROP FUNCTION public.catalog_guard_offering_version();
DROP FUNCTION public.catalog_offering_version_may_change(bigint);
"""



class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0013_end_dates_and_protection'),
        ('cloud', '0001_initial'),
        ('identity', '0013_logout_orders'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Publication',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('state', models.CharField(choices=[('proposed', 'Proposed'), ('confirmed', 'Published'), ('refused', 'Refused'), ('withdrawn', 'Taken back')], default='proposed', max_length=10)),
                ('proposed_at', models.DateTimeField()),
                ('decided_at', models.DateTimeField(null=True)),
                ('decision_reason', models.CharField(blank=True, max_length=300)),
            ],
        ),
        migrations.AddField(
            model_name='offeringversion',
            name='documentation_url',
            field=models.CharField(blank=True, db_default='', max_length=300),
        ),
        migrations.AddField(
            model_name='offeringversion',
            name='drafted_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='offeringversion',
            name='drafted_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='offeringversion',
            name='price_list_url',
            field=models.CharField(blank=True, db_default='', max_length=300),
        ),
        migrations.AddField(
            model_name='offeringversion',
            name='visible_to',
            field=models.ManyToManyField(related_name='+', to='identity.organization'),
        ),
        migrations.AddField(
            model_name='offeringversion',
            name='withdrawn_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='offeringversion',
            name='withdrawn_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddConstraint(
            model_name='offeringversion',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'draft')), fields=('offering',), name='offering_has_one_draft'),
        ),
        migrations.AddConstraint(
            model_name='offeringversion',
            constraint=models.CheckConstraint(condition=models.Q(('documentation_url__regex', '^(https://.*)?$'), ('price_list_url__regex', '^(https://.*)?$')), name='offering_version_links_are_https'),
        ),
        migrations.AddConstraint(
            model_name='offeringversion',
            constraint=models.CheckConstraint(condition=models.Q(('state', 'withdrawn'), models.Q(('withdrawn_at', None), ('withdrawn_by', None)), _connector='OR'), name='offering_version_withdrawn_before_somebody_did'),
        ),
        migrations.AddField(
            model_name='publication',
            name='decided_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='publication',
            name='proposed_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='publication',
            name='version',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='publications', to='catalog.offeringversion'),
        ),
        migrations.AddConstraint(
            model_name='publication',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['proposed', 'confirmed', 'refused', 'withdrawn'])), name='publication_state_known'),
        ),
        migrations.AddConstraint(
            model_name='publication',
            constraint=models.CheckConstraint(condition=models.Q(('decided_by', None), ('state', 'withdrawn'), models.Q(('decided_by', models.F('proposed_by')), _negated=True), _connector='OR'), name='publication_decided_by_another_person'),
        ),
        migrations.AddConstraint(
            model_name='publication',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('decided_at', None), ('decided_by', None), ('state', 'proposed')), models.Q(models.Q(('state', 'proposed'), _negated=True), ('decided_at__isnull', False), ('decided_by__isnull', False)), _connector='OR'), name='publication_decision_names_who_and_when'),
        ),
        migrations.AddConstraint(
            model_name='publication',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'refused'), _negated=True), models.Q(('decision_reason', ''), _negated=True), _connector='OR'), name='publication_refusal_has_a_reason'),
        ),
        migrations.AddConstraint(
            model_name='publication',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'proposed')), fields=('version',), name='publication_one_waits_per_version'),
        ),
        migrations.RunSQL(FORBID, ALLOW),
    ]
