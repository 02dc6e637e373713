"""What is known of workloads and supplies, and what a decision on placement is by."""

import datetime
import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.comparison
import uuid
from django.conf import settings
from django.db import migrations, models

PINNED = "SET search_path = pg_catalog, public, pg_temp"
GENERIC = f"""
-- Refuses whatever its trigger was made for, by the name that the trigger gives.
CREATE FUNCTION public.catalog_refuse() RETURNS trigger LANGUAGE plpgsql
    {PINNED} AS $$
BEGIN
    RAISE EXCEPTION '%', replace(TG_ARGV[0], '_', ' ')
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = TG_ARGV[0];
END $$;

-- A fact of the past: of the columns in the second argument, those that are empty are filled in
-- once; those in the third may change until the first of the second is filled in.
CREATE FUNCTION public.catalog_guard_kept() RETURNS trigger LANGUAGE plpgsql
    {PINNED} AS $$
DECLARE
    once text[] := string_to_array(TG_ARGV[1], ',');
    free text[] := string_to_array(TG_ARGV[2], ',');
    kept text[];
    was jsonb := to_jsonb(OLD);
BEGIN
    IF TG_OP = 'UPDATE' THEN
        SELECT coalesce(array_agg(name), '{{}}') INTO kept
        FROM unnest(once) AS name WHERE was ->> name IS NULL;
        IF was ->> once[1] IS NULL THEN
            kept := kept || free;
        END IF;
        IF to_jsonb(NEW) - kept = was - kept THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'what was so never changes: %', TG_ARGV[0]
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = TG_ARGV[0];
END $$;

-- Something proposed: the first argument begins the names of what is refused, the second has the
-- columns that are filled in, once, where what was confirmed ends.
CREATE FUNCTION public.catalog_guard_proposed() RETURNS trigger LANGUAGE plpgsql
    {PINNED} AS $$
DECLARE
    decision text[] := ARRAY['state', 'decided_by_id', 'decided_at', 'decision_reason'];
    ending text[] := string_to_array(TG_ARGV[1], ',');
    was jsonb := to_jsonb(OLD);
BEGIN
    IF TG_OP = 'UPDATE'
       AND to_jsonb(NEW) - decision - ending = was - decision - ending
       AND (OLD.state = 'proposed'
            OR (OLD.state = 'confirmed' AND OLD.ended_at IS NULL
                AND to_jsonb(NEW) - ending = was - ending))
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'what was proposed, and what was decided, never changes: %', TG_ARGV[0]
        USING ERRCODE = 'integrity_constraint_violation',
              CONSTRAINT = TG_ARGV[0] || '_never_changes';
END $$;
"""
# a day of Amsterdam, which a constraint of a model cannot name
NOT_OF_LATER = """
ALTER TABLE public.catalog_workloadevidence ADD CONSTRAINT workload_evidence_is_not_of_later
    CHECK (dated_on <= (recorded_at AT TIME ZONE 'Europe/Amsterdam')::date);
"""
OF_LATER = """
ALTER TABLE public.catalog_workloadevidence DROP CONSTRAINT workload_evidence_is_not_of_later;
"""
KEPT = """
CREATE TRIGGER workload_profile_guard BEFORE UPDATE OR DELETE ON public.catalog_workloadprofile
    FOR EACH ROW EXECUTE FUNCTION
    public.catalog_guard_kept('workload_profile_never_changes', 'ended_at', '');
CREATE TRIGGER workload_evidence_guard BEFORE UPDATE OR DELETE ON public.catalog_workloadevidence
    FOR EACH ROW EXECUTE FUNCTION public.catalog_guard_kept(
        'workload_evidence_never_changes', 'withdrawn_at,withdrawn_by_id', '');
CREATE TRIGGER placement_decision_guard BEFORE UPDATE OR DELETE ON public.catalog_placementdecision
    FOR EACH ROW EXECUTE FUNCTION
    public.catalog_refuse('placement_decision_never_changes');
CREATE TRIGGER placement_concern_guard BEFORE UPDATE OR DELETE ON public.catalog_placementconcern
    FOR EACH ROW EXECUTE FUNCTION public.catalog_guard_kept(
        'placement_concern_never_changes', 'settled_at,told_at', 'advised,clauses');
"""
PROPOSED = "".join(
    f"""
CREATE TRIGGER {name}_guard_new BEFORE INSERT ON public.catalog_{table}
    FOR EACH ROW WHEN (NEW.state <> 'proposed')
    EXECUTE FUNCTION public.catalog_refuse('{name}_begins_as_a_proposal');
CREATE TRIGGER {name}_guard BEFORE UPDATE OR DELETE ON public.catalog_{table}
    FOR EACH ROW {when} EXECUTE FUNCTION public.catalog_guard_proposed('{name}', '{ending}');
CREATE TRIGGER {name}_decided_by_another_human BEFORE INSERT OR UPDATE ON public.catalog_{table}
    FOR EACH ROW WHEN (NEW.decided_by_id IS NOT NULL AND NEW.state <> 'withdrawn')
    EXECUTE FUNCTION public.identity_guard_other_humans('proposed_by_id', 'decided_by_id');
"""
    for name, table, when, ending in (
        ("supply_profile", "supplyprofile", "WHEN (NOT OLD.is_draft)", "ended_at"),
        ("seal_minimum", "sealminimum", "", "ended_at"),
        ("placement_permission", "placementpermission", "", "ended_at,ended_by_id"),
    )
)
DRAFTS = f"""
CREATE TRIGGER supply_profile_guard_draft BEFORE INSERT ON public.catalog_supplyprofile
    FOR EACH ROW WHEN (NOT NEW.is_draft)
    EXECUTE FUNCTION public.catalog_refuse('supply_profile_begins_as_a_draft');
CREATE TRIGGER supply_profile_guard_drafted BEFORE UPDATE ON public.catalog_supplyprofile
    FOR EACH ROW WHEN (
        OLD.is_draft AND (
            NEW.state <> 'proposed'
            OR (NEW.public_id, NEW.cloud_id, NEW.offering_id, NEW.number)
               IS DISTINCT FROM (OLD.public_id, OLD.cloud_id, OLD.offering_id, OLD.number)))
    EXECUTE FUNCTION public.catalog_refuse('supply_profile_is_proposed_before_it_is_decided_on');

-- Parts change with their draft only. The lock makes who proposes it wait for them.
CREATE FUNCTION public.catalog_guard_supply_part() RETURNS trigger LANGUAGE plpgsql
    {PINNED} AS $$
DECLARE
    part record := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
BEGIN
    PERFORM FROM public.catalog_supplyprofile
    WHERE id = part.profile_id AND is_draft FOR SHARE;
    IF NOT FOUND OR (TG_OP = 'UPDATE' AND NEW.profile_id <> OLD.profile_id) THEN
        RAISE EXCEPTION 'what was proposed never changes'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'supply_profile_never_changes';
    END IF;
    RETURN part;
END $$;
""" + "".join(
    f"""
CREATE TRIGGER {name}_guard BEFORE INSERT OR UPDATE OR DELETE ON public.catalog_{table}
    FOR EACH ROW EXECUTE FUNCTION public.catalog_guard_supply_part();
"""
    for name, table in (
        ("supply_owner", "supplyowner"),
        ("supply_dependency", "supplydependency"),
        ("supply_answer", "supplyanswer"),
    )
)
PLACED = f"""
CREATE FUNCTION public.catalog_guard_decision() RETURNS trigger LANGUAGE plpgsql
    {PINNED} AS $$
BEGIN
    IF (NEW.workload_id IS NOT NULL AND NOT EXISTS (
            SELECT FROM public.catalog_workloadprofile
            WHERE id = NEW.workload_id AND project_id = NEW.project_id))
       OR (NEW.supply_id IS NOT NULL AND NOT EXISTS (
            SELECT FROM public.catalog_supplyprofile
            WHERE id = NEW.supply_id AND cloud_id = NEW.cloud_id AND state = 'confirmed'))
       OR (NEW.permission_id IS NOT NULL AND NOT EXISTS (
            SELECT FROM public.catalog_placementpermission
            WHERE id = NEW.permission_id AND project_id = NEW.project_id
              AND cloud_id = NEW.cloud_id AND workload_id = NEW.workload_id
              AND supply_id = NEW.supply_id AND ruleset = NEW.ruleset
              AND state = 'confirmed' AND ended_at IS NULL))
    THEN
        RAISE EXCEPTION 'a placement is judged by its own facts'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'placement_judged_by_its_own_facts';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER placement_decision_guard_new BEFORE INSERT ON public.catalog_placementdecision
    FOR EACH ROW EXECUTE FUNCTION public.catalog_guard_decision();

CREATE FUNCTION public.catalog_guard_placed_line() RETURNS trigger LANGUAGE plpgsql
    {PINNED} AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM public.catalog_placementdecision AS decision
        JOIN public.catalog_order AS asked ON asked.project_id = decision.project_id
        JOIN public.catalog_offeringversion AS version ON version.cloud_id = decision.cloud_id
        WHERE decision.id = NEW.placement_id AND decision.verdict = 'allowed'
          AND asked.id = NEW.order_id AND version.id = NEW.offering_version_id)
    THEN
        RAISE EXCEPTION 'what is ordered is placed by a decision of its own'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'placed_by_a_decision_of_its_own';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER order_line_guard_placed BEFORE INSERT ON public.catalog_orderline
    FOR EACH ROW EXECUTE FUNCTION public.catalog_guard_placed_line();

CREATE FUNCTION public.catalog_guard_placed_resource() RETURNS trigger LANGUAGE plpgsql
    {PINNED} AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM public.catalog_placementdecision AS decision
        JOIN public.cloud_cloudproject AS room ON room.cloud_id = decision.cloud_id
        WHERE decision.id = NEW.placement_id AND decision.verdict IN ('allowed', 'found_in_cloud')
          AND decision.project_id = NEW.project_id AND room.id = NEW.cloud_project_id)
    THEN
        RAISE EXCEPTION 'what stands somewhere is placed by a decision of its own'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'placed_by_a_decision_of_its_own';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER resource_guard_placed
    BEFORE INSERT OR UPDATE OF placement_id, project_id, cloud_project_id
    ON public.catalog_resource
    FOR EACH ROW EXECUTE FUNCTION public.catalog_guard_placed_resource();
"""
TABLES = {
    "workload_profile_guard": "workloadprofile",
    "workload_evidence_guard": "workloadevidence",
    "placement_decision_guard": "placementdecision",
    "placement_concern_guard": "placementconcern",
    "supply_profile_guard_new": "supplyprofile",
    "supply_profile_guard": "supplyprofile",
    "supply_profile_decided_by_another_human": "supplyprofile",
    "seal_minimum_guard_new": "sealminimum",
    "seal_minimum_guard": "sealminimum",
    "seal_minimum_decided_by_another_human": "sealminimum",
    "placement_permission_guard_new": "placementpermission",
    "placement_permission_guard": "placementpermission",
    "placement_permission_decided_by_another_human": "placementpermission",
    "supply_profile_guard_draft": "supplyprofile",
    "supply_profile_guard_drafted": "supplyprofile",
    "supply_owner_guard": "supplyowner",
    "supply_dependency_guard": "supplydependency",
    "supply_answer_guard": "supplyanswer",
    "placement_decision_guard_new": "placementdecision",
    "order_line_guard_placed": "orderline",
    "resource_guard_placed": "resource",
}
FUNCTIONS = (
    *("refuse", "guard_kept", "guard_proposed", "guard_supply_part", "guard_decision"),
    *("guard_placed_line", "guard_placed_resource"),
)
FORBID = GENERIC + KEPT + PROPOSED + DRAFTS + PLACED
ALLOW = "\n".join(
    [
        *(f"DROP TRIGGER {name} ON public.catalog_{table};" for name, table in TABLES.items()),
        *(f"DROP FUNCTION public.catalog_{name}();" for name in FUNCTIONS),
    ]
)


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0048_later_price'),
        ('cloud', '0004_limits_asked_at'),
        ('identity', '0018_links_that_wait_may_end'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='placementdecision',
            name='advised',
            field=models.CharField(blank=True, choices=[('allowed', 'Allowed'), ('discouraged', 'Discouraged'), ('conditional', 'Under conditions'), ('prohibited', 'Not allowed')], db_default='', max_length=20),
        ),
        migrations.AddField(
            model_name='placementdecision',
            name='clauses',
            field=models.JSONField(db_default=[], default=list),
        ),
        migrations.AddField(
            model_name='placementdecision',
            name='offering',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.offering'),
        ),
        migrations.CreateModel(
            name='PlacementConcern',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('advised', models.CharField(choices=[('allowed', 'Allowed'), ('discouraged', 'Discouraged'), ('conditional', 'Under conditions'), ('prohibited', 'Not allowed')], max_length=20)),
                ('clauses', models.JSONField()),
                ('first_seen_at', models.DateTimeField()),
                ('due_on', models.DateField()),
                ('settled_at', models.DateTimeField(null=True)),
                ('told_at', models.DateTimeField(null=True)),
                ('cloud', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='cloud.cloud')),
                ('offering', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.offering')),
                ('project', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='placement_concerns', to='identity.project')),
            ],
        ),
        migrations.CreateModel(
            name='PlacementPermission',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('state', models.CharField(choices=[('proposed', 'Proposed'), ('confirmed', 'Confirmed'), ('refused', 'Refused'), ('withdrawn', 'Taken back')], default='proposed', max_length=10)),
                ('proposed_at', models.DateTimeField()),
                ('decided_at', models.DateTimeField(null=True)),
                ('decision_reason', models.CharField(blank=True, max_length=1000)),
                ('ruleset', models.CharField(max_length=40)),
                ('facts', models.JSONField()),
                ('clauses', models.JSONField()),
                ('motivation', models.CharField(max_length=1000)),
                ('valid_until', models.DateField()),
                ('ended_at', models.DateTimeField(null=True)),
                ('cloud', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='cloud.cloud')),
                ('decided_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('ended_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('offering', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.offering')),
                ('project', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='placement_permissions', to='identity.project')),
                ('proposed_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.AddField(
            model_name='placementdecision',
            name='permission',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.placementpermission'),
        ),
        migrations.CreateModel(
            name='PlacementStanding',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('stamp', models.CharField(max_length=64)),
                ('looked_at', models.DateTimeField()),
                ('project', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='placement_standing', to='identity.project')),
            ],
        ),
        migrations.CreateModel(
            name='SealMinimum',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('state', models.CharField(choices=[('proposed', 'Proposed'), ('confirmed', 'Confirmed'), ('refused', 'Refused'), ('withdrawn', 'Taken back')], default='proposed', max_length=10)),
                ('proposed_at', models.DateTimeField()),
                ('decided_at', models.DateTimeField(null=True)),
                ('decision_reason', models.CharField(blank=True, max_length=1000)),
                ('protection_level', models.PositiveSmallIntegerField()),
                ('objective', models.CharField(blank=True, choices=[('SOV-1', 'Strategy and ownership'), ('SOV-2', 'Law and jurisdiction'), ('SOV-3', 'Data and AI'), ('SOV-4', 'Operations'), ('SOV-5', 'Supply chain'), ('SOV-6', 'Technology'), ('SOV-7', 'Security and compliance'), ('SOV-8', 'Environment and sustainability')], max_length=30)),
                ('seal', models.PositiveSmallIntegerField()),
                ('ended_at', models.DateTimeField(null=True)),
                ('decided_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('proposed_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='SupplyProfile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('state', models.CharField(choices=[('proposed', 'Proposed'), ('confirmed', 'Confirmed'), ('refused', 'Refused'), ('withdrawn', 'Taken back')], default='proposed', max_length=10)),
                ('proposed_at', models.DateTimeField()),
                ('decided_at', models.DateTimeField(null=True)),
                ('decision_reason', models.CharField(blank=True, max_length=1000)),
                ('number', models.PositiveIntegerField()),
                ('is_draft', models.BooleanField(default=True)),
                ('hosting', models.CharField(blank=True, choices=[('government', 'Of the government itself'), ('private', 'At a supplier, for one customer'), ('public', 'Public cloud')], max_length=30)),
                ('locations', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=2), blank=True, default=list, size=None)),
                ('keys', models.CharField(blank=True, choices=[('customer', 'The customer alone'), ('shared', 'Customer and supplier'), ('provider', 'The supplier')], max_length=30)),
                ('is_encrypted_at_rest', models.BooleanField(null=True)),
                ('is_encrypted_in_transit', models.BooleanField(null=True)),
                ('is_encrypted_in_use', models.BooleanField(null=True)),
                ('certifications', models.JSONField(blank=True, default=list)),
                ('personnel_screening', models.CharField(blank=True, choices=[('none', 'Not screened'), ('vog', 'Certificate of conduct (VOG)'), ('vgb', 'Security clearance (VGB)')], max_length=30)),
                ('lists_dependencies', models.BooleanField(default=False)),
                ('highest_protection_level', models.PositiveSmallIntegerField(null=True)),
                ('highest_rubricering', models.CharField(blank=True, choices=[('none', 'No marking'), ('dep_vertrouwelijk', 'Dep. VERTROUWELIJK'), ('stg_confidentieel', 'Stg. CONFIDENTIEEL'), ('stg_geheim', 'Stg. GEHEIM'), ('stg_zeer_geheim', 'Stg. ZEER GEHEIM')], max_length=30)),
                ('admits_personal_data', models.BooleanField(null=True)),
                ('admits_special_data', models.BooleanField(null=True)),
                ('framework', models.CharField(blank=True, max_length=30)),
                ('seals', models.JSONField(blank=True, default=dict)),
                ('seal', models.PositiveSmallIntegerField(null=True)),
                ('score', models.DecimalField(decimal_places=6, max_digits=9, null=True)),
                ('assessed_on', models.DateField(null=True)),
                ('valid_until', models.DateField(null=True)),
                ('ended_at', models.DateTimeField(null=True)),
                ('cloud', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='supply_profiles', to='cloud.cloud')),
                ('decided_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('offering', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='supply_profiles', to='catalog.offering')),
                ('proposed_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='SupplyOwner',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveSmallIntegerField()),
                ('name', models.CharField(max_length=120)),
                ('jurisdiction', models.CharField(blank=True, max_length=2)),
                ('is_operator', models.BooleanField(default=False)),
                ('profile', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='owners', to='catalog.supplyprofile')),
            ],
            options={
                'ordering': ['position'],
            },
        ),
        migrations.CreateModel(
            name='SupplyDependency',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.SlugField(max_length=40)),
                ('name', models.CharField(max_length=120)),
                ('kind', models.CharField(choices=[('hardware', 'Hardware'), ('software', 'Software'), ('service', 'Service')], max_length=30)),
                ('supplier', models.CharField(max_length=120)),
                ('jurisdiction', models.CharField(blank=True, max_length=2)),
                ('is_critical', models.BooleanField()),
                ('needs', django.contrib.postgres.fields.ArrayField(base_field=models.SlugField(max_length=40), blank=True, default=list, size=None)),
                ('evidence', models.CharField(blank=True, max_length=300)),
                ('evidenced_on', models.DateField(null=True)),
                ('profile', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='dependencies', to='catalog.supplyprofile')),
            ],
            options={
                'ordering': ['pk'],
            },
        ),
        migrations.CreateModel(
            name='SupplyAnswer',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('criterion', models.CharField(max_length=10)),
                ('answer', models.PositiveSmallIntegerField()),
                ('evidence', models.CharField(blank=True, max_length=300)),
                ('evidenced_on', models.DateField(null=True)),
                ('profile', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='answers', to='catalog.supplyprofile')),
            ],
            options={
                'ordering': ['pk'],
            },
        ),
        migrations.AddField(
            model_name='placementpermission',
            name='supply',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.supplyprofile'),
        ),
        migrations.AddField(
            model_name='placementdecision',
            name='supply',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.supplyprofile'),
        ),
        migrations.CreateModel(
            name='WorkloadEvidence',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('kind', models.CharField(choices=[('risk_analysis', 'Risk analysis'), ('prescan_dpia', 'Pre-scan DPIA'), ('dpia', 'DPIA'), ('dtia', 'DTIA'), ('exit_plan', 'Exit plan'), ('exit_test_planned', 'Test of the exit plan: planned leave'), ('exit_test_disruptive', 'Test of the exit plan: sudden leave'), ('exit_destruction', 'Agreement that data is destroyed afterwards'), ('ciso_notice', 'Notice to CISO Rijk'), ('continuity_risk', 'Proof that continuity is at risk otherwise'), ('minister_consent', 'Consent of your minister or state secretary'), ('digital_minister_consent', 'Consent of the minister for digitalisation'), ('copy_elsewhere', 'Proof that the register stands elsewhere too'), ('privacy_technology', 'Extra technical measures for privacy'), ('security_advice', 'Advice of a security service'), ('processing_agreement', 'Processing agreement')], max_length=30)),
                ('reference', models.CharField(max_length=300)),
                ('dated_on', models.DateField()),
                ('outcome', models.CharField(blank=True, choices=[('no_objection', 'No Objection'), ('instruction_against', 'Instruction Against')], max_length=30)),
                ('recorded_at', models.DateTimeField()),
                ('withdrawn_at', models.DateTimeField(null=True)),
                ('project', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='workload_evidence', to='identity.project')),
                ('recorded_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('withdrawn_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='WorkloadProfile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('number', models.PositiveIntegerField()),
                ('is_core_task', models.BooleanField(null=True)),
                ('personal_data', models.CharField(blank=True, choices=[('none', 'No'), ('some', 'Some'), ('large_scale', 'On a large scale')], max_length=30)),
                ('has_special_data', models.BooleanField(null=True)),
                ('availability', models.CharField(blank=True, choices=[('low', 'Low'), ('middle', 'Middle'), ('high', 'High'), ('very_high', 'Very high')], max_length=30)),
                ('integrity', models.CharField(blank=True, choices=[('low', 'Low'), ('middle', 'Middle'), ('high', 'High'), ('very_high', 'Very high')], max_length=30)),
                ('confidentiality', models.CharField(blank=True, choices=[('low', 'Low'), ('middle', 'Middle'), ('high', 'High'), ('very_high', 'Very high')], max_length=30)),
                ('rubricering', models.CharField(blank=True, choices=[('none', 'No marking'), ('dep_vertrouwelijk', 'Dep. VERTROUWELIJK'), ('stg_confidentieel', 'Stg. CONFIDENTIEEL'), ('stg_geheim', 'Stg. GEHEIM'), ('stg_zeer_geheim', 'Stg. ZEER GEHEIM')], max_length=30)),
                ('base_register', models.CharField(blank=True, choices=[('no', 'No'), ('copy', 'A copy'), ('source', 'The source')], max_length=30)),
                ('is_workplace', models.BooleanField(null=True)),
                ('is_vital', models.BooleanField(null=True)),
                ('longest_outage_hours', models.PositiveSmallIntegerField(null=True)),
                ('review_on', models.DateField()),
                ('answered_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(null=True)),
                ('answered_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('project', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='workload_profiles', to='identity.project')),
            ],
        ),
        migrations.AddField(
            model_name='placementpermission',
            name='workload',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.workloadprofile'),
        ),
        migrations.AddField(
            model_name='placementdecision',
            name='workload',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.workloadprofile'),
        ),
        migrations.AddConstraint(
            model_name='placementdecision',
            constraint=models.CheckConstraint(condition=models.Q(('advised__in', ['', 'allowed', 'discouraged', 'conditional', 'prohibited'])), name='placement_advice_known'),
        ),
        migrations.AddConstraint(
            model_name='placementdecision',
            constraint=models.CheckConstraint(condition=models.Q(('advised', 'prohibited'), ('verdict', 'allowed'), _negated=True), name='placement_allowed_is_not_prohibited'),
        ),
        migrations.AddConstraint(
            model_name='placementdecision',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('advised', 'conditional'), ('verdict', 'allowed'), _negated=True), ('permission__isnull', False), _connector='OR'), name='placement_conditional_has_a_permission'),
        ),
        migrations.AddConstraint(
            model_name='placementconcern',
            constraint=models.CheckConstraint(condition=models.Q(('advised__in', ['allowed', 'discouraged', 'conditional', 'prohibited'])), name='placement_concern_advice_known'),
        ),
        migrations.AddConstraint(
            model_name='placementconcern',
            constraint=models.UniqueConstraint(models.F('project'), models.F('cloud'), django.db.models.functions.comparison.Coalesce('offering', 0), condition=models.Q(('settled_at', None)), name='placement_concern_one_is_open'),
        ),
        migrations.AddConstraint(
            model_name='sealminimum',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['proposed', 'confirmed', 'refused', 'withdrawn'])), name='seal_minimum_state_known'),
        ),
        migrations.AddConstraint(
            model_name='sealminimum',
            constraint=models.CheckConstraint(condition=models.Q(('decided_by', None), ('state', 'withdrawn'), models.Q(('decided_by', models.F('proposed_by')), _negated=True), _connector='OR'), name='seal_minimum_decided_by_another_person'),
        ),
        migrations.AddConstraint(
            model_name='sealminimum',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('decided_at', None), ('decided_by', None), ('state', 'proposed')), models.Q(models.Q(('state', 'proposed'), _negated=True), ('decided_at__isnull', False), ('decided_by__isnull', False)), _connector='OR'), name='seal_minimum_decision_names_who_and_when'),
        ),
        migrations.AddConstraint(
            model_name='sealminimum',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'refused'), _negated=True), models.Q(('decision_reason', ''), _negated=True), _connector='OR'), name='seal_minimum_refusal_has_a_reason'),
        ),
        migrations.AddConstraint(
            model_name='sealminimum',
            constraint=models.CheckConstraint(condition=models.Q(('protection_level__range', (1, 4))), name='seal_minimum_level_known'),
        ),
        migrations.AddConstraint(
            model_name='sealminimum',
            constraint=models.CheckConstraint(condition=models.Q(('objective__in', ['', 'SOV-1', 'SOV-2', 'SOV-3', 'SOV-4', 'SOV-5', 'SOV-6', 'SOV-7', 'SOV-8'])), name='seal_minimum_objective_known'),
        ),
        migrations.AddConstraint(
            model_name='sealminimum',
            constraint=models.CheckConstraint(condition=models.Q(('seal__lte', 4)), name='seal_minimum_seal_known'),
        ),
        migrations.AddConstraint(
            model_name='sealminimum',
            constraint=models.CheckConstraint(condition=models.Q(('ended_at', None), ('state', 'confirmed'), _connector='OR'), name='seal_minimum_ends_after_it_was_in_force'),
        ),
        migrations.AddConstraint(
            model_name='sealminimum',
            constraint=models.UniqueConstraint(condition=models.Q(('ended_at', None), ('state', 'confirmed')), fields=('protection_level', 'objective'), name='seal_minimum_one_in_force'),
        ),
        migrations.AddConstraint(
            model_name='sealminimum',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'proposed')), fields=('protection_level', 'objective'), name='seal_minimum_one_waits'),
        ),
        migrations.AddConstraint(
            model_name='supplyprofile',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['proposed', 'confirmed', 'refused', 'withdrawn'])), name='supply_profile_state_known'),
        ),
        migrations.AddConstraint(
            model_name='supplyprofile',
            constraint=models.CheckConstraint(condition=models.Q(('decided_by', None), ('state', 'withdrawn'), models.Q(('decided_by', models.F('proposed_by')), _negated=True), _connector='OR'), name='supply_profile_decided_by_another_person'),
        ),
        migrations.AddConstraint(
            model_name='supplyprofile',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('decided_at', None), ('decided_by', None), ('state', 'proposed')), models.Q(models.Q(('state', 'proposed'), _negated=True), ('decided_at__isnull', False), ('decided_by__isnull', False)), _connector='OR'), name='supply_profile_decision_names_who_and_when'),
        ),
        migrations.AddConstraint(
            model_name='supplyprofile',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'refused'), _negated=True), models.Q(('decision_reason', ''), _negated=True), _connector='OR'), name='supply_profile_refusal_has_a_reason'),
        ),
        migrations.AddConstraint(
            model_name='supplyprofile',
            constraint=models.CheckConstraint(condition=models.Q(('hosting__in', ['', 'government', 'private', 'public'])), name='supply_profile_hosting_known'),
        ),
        migrations.AddConstraint(
            model_name='supplyprofile',
            constraint=models.CheckConstraint(condition=models.Q(('keys__in', ['', 'customer', 'shared', 'provider'])), name='supply_profile_keys_known'),
        ),
        migrations.AddConstraint(
            model_name='supplyprofile',
            constraint=models.CheckConstraint(condition=models.Q(('personnel_screening__in', ['', 'none', 'vog', 'vgb'])), name='supply_profile_personnel_screening_known'),
        ),
        migrations.AddConstraint(
            model_name='supplyprofile',
            constraint=models.CheckConstraint(condition=models.Q(('highest_rubricering__in', ['', 'none', 'dep_vertrouwelijk', 'stg_confidentieel', 'stg_geheim', 'stg_zeer_geheim'])), name='supply_profile_highest_rubricering_known'),
        ),
        migrations.AddConstraint(
            model_name='supplyprofile',
            constraint=models.CheckConstraint(condition=models.Q(('highest_protection_level', None), ('highest_protection_level__range', (1, 4)), _connector='OR'), name='supply_profile_level_known'),
        ),
        migrations.AddConstraint(
            model_name='supplyprofile',
            constraint=models.CheckConstraint(condition=models.Q(('seal', None), ('seal__lte', 4), _connector='OR'), name='supply_profile_seal_known'),
        ),
        migrations.AddConstraint(
            model_name='supplyprofile',
            constraint=models.CheckConstraint(condition=models.Q(('is_draft', False), ('state', 'proposed'), _connector='OR'), name='supply_profile_draft_is_not_decided_on'),
        ),
        migrations.AddConstraint(
            model_name='supplyprofile',
            constraint=models.CheckConstraint(condition=models.Q(('is_draft', True), models.Q(('assessed_on__isnull', False), ('valid_until__gte', models.F('assessed_on')), ('valid_until__isnull', False)), _connector='OR'), name='supply_profile_says_until_when'),
        ),
        migrations.AddConstraint(
            model_name='supplyprofile',
            constraint=models.CheckConstraint(condition=models.Q(('is_draft', True), ('valid_until__lte', django.db.models.expressions.CombinedExpression(models.F('assessed_on'), '+', models.Value(datetime.timedelta(days=1098)))), _connector='OR'), name='supply_profile_holds_three_years_at_most'),
        ),
        migrations.AddConstraint(
            model_name='supplyprofile',
            constraint=models.CheckConstraint(condition=models.Q(('ended_at', None), ('state', 'confirmed'), _connector='OR'), name='supply_profile_ends_after_it_was_in_force'),
        ),
        migrations.AddConstraint(
            model_name='supplyprofile',
            constraint=models.UniqueConstraint(models.F('cloud'), django.db.models.functions.comparison.Coalesce('offering', 0), models.F('number'), name='supply_profile_numbered_once'),
        ),
        migrations.AddConstraint(
            model_name='supplyprofile',
            constraint=models.UniqueConstraint(models.F('cloud'), django.db.models.functions.comparison.Coalesce('offering', 0), condition=models.Q(('ended_at', None), ('state', 'confirmed')), name='supply_profile_one_in_force'),
        ),
        migrations.AddConstraint(
            model_name='supplyprofile',
            constraint=models.UniqueConstraint(models.F('cloud'), django.db.models.functions.comparison.Coalesce('offering', 0), condition=models.Q(('state', 'proposed')), name='supply_profile_one_waits'),
        ),
        migrations.AddConstraint(
            model_name='supplyowner',
            constraint=models.UniqueConstraint(fields=('profile', 'position'), name='supply_owner_one_at_a_position'),
        ),
        migrations.AddConstraint(
            model_name='supplyowner',
            constraint=models.CheckConstraint(condition=models.Q(('name', ''), _negated=True), name='supply_owner_has_a_name'),
        ),
        migrations.AddConstraint(
            model_name='supplydependency',
            constraint=models.UniqueConstraint(fields=('profile', 'key'), name='supply_dependency_named_once'),
        ),
        migrations.AddConstraint(
            model_name='supplydependency',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['hardware', 'software', 'service'])), name='supply_dependency_kind_known'),
        ),
        migrations.AddConstraint(
            model_name='supplydependency',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('evidence', ''), ('evidenced_on', None)), models.Q(models.Q(('evidence', ''), _negated=True), ('evidenced_on__isnull', False)), _connector='OR'), name='supply_dependency_evidence_has_a_date'),
        ),
        migrations.AddConstraint(
            model_name='supplyanswer',
            constraint=models.UniqueConstraint(fields=('profile', 'criterion'), name='supply_answer_one_per_criterion'),
        ),
        migrations.AddConstraint(
            model_name='supplyanswer',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('evidence', ''), ('evidenced_on', None)), models.Q(models.Q(('evidence', ''), _negated=True), ('evidenced_on__isnull', False)), _connector='OR'), name='supply_answer_evidence_has_a_date'),
        ),
        migrations.AddIndex(
            model_name='workloadevidence',
            index=models.Index(fields=['project', 'kind'], name='workload_evidence_of_project'),
        ),
        migrations.AddConstraint(
            model_name='workloadevidence',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['risk_analysis', 'prescan_dpia', 'dpia', 'dtia', 'exit_plan', 'exit_test_planned', 'exit_test_disruptive', 'exit_destruction', 'ciso_notice', 'continuity_risk', 'minister_consent', 'digital_minister_consent', 'copy_elsewhere', 'privacy_technology', 'security_advice', 'processing_agreement'])), name='workload_evidence_kind_known'),
        ),
        migrations.AddConstraint(
            model_name='workloadevidence',
            constraint=models.CheckConstraint(condition=models.Q(('outcome', ''), models.Q(('kind', 'ciso_notice'), ('outcome__in', ['no_objection', 'instruction_against'])), _connector='OR'), name='workload_evidence_outcome_is_of_a_notice'),
        ),
        migrations.AddConstraint(
            model_name='workloadevidence',
            constraint=models.CheckConstraint(condition=models.Q(('reference', ''), _negated=True), name='workload_evidence_says_where_it_is'),
        ),
        migrations.AddConstraint(
            model_name='workloadevidence',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('withdrawn_at', None), ('withdrawn_by', None)), models.Q(('withdrawn_at__isnull', False), ('withdrawn_by__isnull', False)), _connector='OR'), name='workload_evidence_withdrawn_by_somebody'),
        ),
        migrations.AddConstraint(
            model_name='workloadprofile',
            constraint=models.CheckConstraint(condition=models.Q(('personal_data__in', ['', 'none', 'some', 'large_scale'])), name='workload_profile_personal_data_known'),
        ),
        migrations.AddConstraint(
            model_name='workloadprofile',
            constraint=models.CheckConstraint(condition=models.Q(('availability__in', ['', 'low', 'middle', 'high', 'very_high'])), name='workload_profile_availability_known'),
        ),
        migrations.AddConstraint(
            model_name='workloadprofile',
            constraint=models.CheckConstraint(condition=models.Q(('integrity__in', ['', 'low', 'middle', 'high', 'very_high'])), name='workload_profile_integrity_known'),
        ),
        migrations.AddConstraint(
            model_name='workloadprofile',
            constraint=models.CheckConstraint(condition=models.Q(('confidentiality__in', ['', 'low', 'middle', 'high', 'very_high'])), name='workload_profile_confidentiality_known'),
        ),
        migrations.AddConstraint(
            model_name='workloadprofile',
            constraint=models.CheckConstraint(condition=models.Q(('rubricering__in', ['', 'none', 'dep_vertrouwelijk', 'stg_confidentieel', 'stg_geheim', 'stg_zeer_geheim'])), name='workload_profile_rubricering_known'),
        ),
        migrations.AddConstraint(
            model_name='workloadprofile',
            constraint=models.CheckConstraint(condition=models.Q(('base_register__in', ['', 'no', 'copy', 'source'])), name='workload_profile_base_register_known'),
        ),
        migrations.AddConstraint(
            model_name='workloadprofile',
            constraint=models.CheckConstraint(condition=models.Q(('longest_outage_hours', None), ('longest_outage_hours__in', (4, 24, 72, 168)), _connector='OR'), name='workload_profile_outage_known'),
        ),
        migrations.AddConstraint(
            model_name='workloadprofile',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('personal_data', 'none'), _negated=True), ('has_special_data', False), _connector='OR'), name='workload_profile_without_personal_data_has_no_special'),
        ),
        migrations.AddConstraint(
            model_name='workloadprofile',
            constraint=models.CheckConstraint(condition=models.Q(('ended_at', None), ('ended_at__gte', models.F('answered_at')), _connector='OR'), name='workload_profile_ends_after_it_began'),
        ),
        migrations.AddConstraint(
            model_name='workloadprofile',
            constraint=models.UniqueConstraint(fields=('project', 'number'), name='workload_profile_numbered_once'),
        ),
        migrations.AddConstraint(
            model_name='workloadprofile',
            constraint=models.UniqueConstraint(condition=models.Q(('ended_at', None)), fields=('project',), name='workload_profile_one_in_force'),
        ),
        migrations.AddConstraint(
            model_name='placementpermission',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['proposed', 'confirmed', 'refused', 'withdrawn'])), name='placement_permission_state_known'),
        ),
        migrations.AddConstraint(
            model_name='placementpermission',
            constraint=models.CheckConstraint(condition=models.Q(('decided_by', None), ('state', 'withdrawn'), models.Q(('decided_by', models.F('proposed_by')), _negated=True), _connector='OR'), name='placement_permission_decided_by_another_person'),
        ),
        migrations.AddConstraint(
            model_name='placementpermission',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('decided_at', None), ('decided_by', None), ('state', 'proposed')), models.Q(models.Q(('state', 'proposed'), _negated=True), ('decided_at__isnull', False), ('decided_by__isnull', False)), _connector='OR'), name='placement_permission_decision_names_who_and_when'),
        ),
        migrations.AddConstraint(
            model_name='placementpermission',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'refused'), _negated=True), models.Q(('decision_reason', ''), _negated=True), _connector='OR'), name='placement_permission_refusal_has_a_reason'),
        ),
        migrations.AddConstraint(
            model_name='placementpermission',
            constraint=models.CheckConstraint(condition=models.Q(('motivation', ''), _negated=True), name='placement_permission_has_a_motivation'),
        ),
        migrations.AddConstraint(
            model_name='placementpermission',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('ended_at', None), ('ended_by', None)), models.Q(('ended_at__isnull', False), ('ended_by__isnull', False), ('state', 'confirmed')), _connector='OR'), name='placement_permission_ended_by_somebody'),
        ),
        migrations.AddConstraint(
            model_name='placementpermission',
            constraint=models.UniqueConstraint(models.F('project'), models.F('cloud'), django.db.models.functions.comparison.Coalesce('offering', 0), condition=models.Q(('state', 'proposed')), name='placement_permission_one_waits'),
        ),
        migrations.RunSQL(NOT_OF_LATER, OF_LATER),
        migrations.RunSQL(FORBID, ALLOW),
    ]
