"""What was found in the cloud without an order becomes a resource too, and says as what."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

FORBID = """
CREATE FUNCTION public.catalog_guard_found_resource() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.found_as_id IS DISTINCT FROM OLD.found_as_id THEN
        RAISE EXCEPTION 'as what a resource was found never changes'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'resource_found_as_never_changes';
    END IF;
    IF (NEW.found_as_id IS NOT NULL) <> EXISTS (
            SELECT FROM public.catalog_placementdecision
            WHERE id = NEW.placement_id AND verdict = 'found_in_cloud') THEN
        RAISE EXCEPTION 'what was found, and only that, was placed by nobody'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'resource_found_has_a_decision_of_its_own';
    END IF;
    IF NEW.found_as_id IS NOT NULL AND NOT EXISTS (
            SELECT FROM public.catalog_difference
            WHERE id = NEW.found_as_id AND kind = 'unknown' AND project_id = NEW.project_id) THEN
        RAISE EXCEPTION 'only what nobody ordered is adopted, in the project where it stands'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'resource_found_was_unknown';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER resource_guard_found
    BEFORE INSERT OR UPDATE OF found_as_id, placement_id, project_id ON public.catalog_resource
    FOR EACH ROW EXECUTE FUNCTION public.catalog_guard_found_resource();
"""
ALLOW = """
DROP TRIGGER resource_guard_found ON public.catalog_resource;
DROP FUNCTION public.catalog_guard_found_resource();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0024_made_from_and_answers'),
        ('cloud', '0002_paced_until'),
        ('identity', '0018_links_that_wait_may_end'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='driftrepair',
            name='drift_repair_action_known',
        ),
        migrations.RemoveConstraint(
            model_name='resource',
            name='resource_comes_from_an_order',
        ),
        migrations.RemoveConstraint(
            model_name='difference',
            name='difference_is_about_a_resource_or_unknown',
        ),
        migrations.AlterField(
            model_name='difference',
            name='kind',
            field=models.CharField(choices=[('missing', 'Gone from the cloud'), ('charged_but_absent', 'Gone from the cloud, and still charged'), ('unknown', 'Not ordered'), ('not_charged', 'In the cloud, and not charged'), ('duplicate', 'Second copy'), ('differs', 'Other than ordered'), ('quota', 'Other room than needed')], max_length=20),
        ),
        migrations.RemoveConstraint(
            model_name='difference',
            name='difference_kind_known',
        ),
        migrations.AddConstraint(
            model_name='difference',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['missing', 'charged_but_absent', 'unknown', 'not_charged', 'duplicate', 'differs', 'quota'])), name='difference_kind_known'),
        ),
        migrations.AddConstraint(
            model_name='difference',
            constraint=models.CheckConstraint(condition=models.Q(('resource__isnull', False), ('kind__in', ['unknown', 'quota']), _connector='OR'), name='difference_names_its_resource'),
        ),
        migrations.AddField(
            model_name='cloudlook',
            name='rooms_due_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='difference',
            name='finding',
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name='difference',
            name='made_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='resource',
            name='found_as',
            field=models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='adopted_as', to='catalog.difference'),
        ),
        migrations.AlterField(
            model_name='driftrepair',
            name='action',
            field=models.CharField(choices=[('adopt', 'Adopt it and charge it'), ('remove', 'Remove it from the cloud'), ('recreate', 'Make it again'), ('retire', 'Close it'), ('charge', 'Charge it from now on'), ('uncharge', 'Stop charging it'), ('take_over', 'Correct our record and the costs'), ('keep_copy', 'Keep this copy'), ('drop_copy', 'Remove this copy')], max_length=10),
        ),
        migrations.AlterField(
            model_name='operation',
            name='kind',
            field=models.CharField(choices=[('provision', 'Deliver'), ('change', 'Change'), ('act', 'Action'), ('retire', 'Clean up'), ('compensate', 'Undo'), ('revert', 'Undo the change'), ('recreate', 'Make again')], max_length=12),
        ),
        migrations.AddConstraint(
            model_name='driftrepair',
            constraint=models.CheckConstraint(condition=models.Q(('action__in', ['adopt', 'remove', 'recreate', 'retire', 'charge', 'uncharge', 'take_over', 'keep_copy', 'drop_copy'])), name='drift_repair_action_known'),
        ),
        migrations.AddConstraint(
            model_name='resource',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('found_as', None), ('order_line__isnull', False)), models.Q(('found_as__isnull', False), ('order_line', None)), _connector='OR'), name='resource_was_ordered_or_found'),
        ),
        migrations.RunSQL(FORBID, ALLOW),
    ]
