"""Result and origin in every entry, places as ids, anchors that follow each other, seals."""

import uuid

from django.db import migrations, models
from django.db.models import F, Q

import portal.audit.models

OPEN = """
ALTER TABLE audit_auditentry DISABLE TRIGGER audit_entry_append_only;
ALTER TABLE audit_auditanchor DISABLE TRIGGER audit_anchor_append_only;
"""
# By way of negative numbers, so that no new id meets an old one.
FILL = """
UPDATE audit_auditentry SET id = -(sequence * 1000 + chain);
UPDATE audit_auditentry SET id = -id, code = coalesce(data ->> 'refused', ''),
    result = CASE WHEN data ->> 'refused' IS NULL THEN 'succeeded' ELSE 'refused' END;
UPDATE audit_auditanchor anchor SET number = numbered.number
    FROM (SELECT id, row_number() OVER (ORDER BY at) AS number FROM audit_auditanchor) numbered
    WHERE numbered.id = anchor.id;
ALTER TABLE audit_auditentry ENABLE TRIGGER audit_entry_append_only;
ALTER TABLE audit_auditanchor ENABLE TRIGGER audit_anchor_append_only;
"""
# Entries go in one way only: as a month that is over three years ago (BIO2 5.28.01), in front of
# a seal. The head of a chain moves one place at a time. Heads are written all the time: room in
# their pages keeps the old versions short.
GUARD = """
CREATE FUNCTION audit_refuse_unsealed_drop() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF OLD.at < now() - interval '3 years' AND EXISTS (
        SELECT FROM audit_auditseal WHERE chain = OLD.chain AND begins > OLD.sequence
    ) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'audit entries are never changed or deleted'
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'audit_is_append_only';
END $$;
DROP TRIGGER audit_entry_append_only ON audit_auditentry;
CREATE TRIGGER audit_entry_append_only BEFORE UPDATE ON audit_auditentry
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_change();
CREATE TRIGGER audit_entry_dropped_behind_seal BEFORE DELETE ON audit_auditentry
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_unsealed_drop();
CREATE TRIGGER audit_chain_moves_by_one BEFORE UPDATE ON audit_auditchain
    FOR EACH ROW WHEN (NEW.number <> OLD.number OR NEW.length <> OLD.length + 1)
    EXECUTE FUNCTION audit_refuse_change();
CREATE TRIGGER audit_chain_never_deleted BEFORE DELETE ON audit_auditchain
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_change();
CREATE TRIGGER audit_chain_never_truncated BEFORE TRUNCATE ON audit_auditchain
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();
CREATE TRIGGER audit_seal_append_only BEFORE UPDATE OR DELETE ON audit_auditseal
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_change();
CREATE TRIGGER audit_seal_never_truncated BEFORE TRUNCATE ON audit_auditseal
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();
CREATE TRIGGER audit_verification_append_only BEFORE UPDATE OR DELETE ON audit_auditverification
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_change();
CREATE TRIGGER audit_verification_never_truncated BEFORE TRUNCATE ON audit_auditverification
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();
ALTER TABLE audit_auditchain SET (fillfactor = 10);
"""


def of_before(model, name, field, default):
    """A column with a value for the rows that are there."""
    field.default = default
    return migrations.AddField(model, name, field, preserve_default=False)


def signed(**columns):
    return [
        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
        ("format", models.PositiveSmallIntegerField()),
        ("mac", models.BinaryField(max_length=32)),
        *columns.items(),
    ]


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_pinned_search_path")]
    operations = [
        migrations.RunSQL(OPEN),
        migrations.RemoveConstraint("auditentry", "audit_entry_one_per_place_in_chain"),
        migrations.AlterField("auditentry", "chain", models.PositiveSmallIntegerField()),
        migrations.AlterField("auditentry", "id", models.BigIntegerField(primary_key=True, serialize=False)),
        of_before("auditentry", "format", models.PositiveSmallIntegerField(), 1),
        of_before("auditentry", "result", models.CharField(choices=[("succeeded", "Succeeded"), ("refused", "Refused"), ("failed", "Failed")], max_length=10), "succeeded"),
        migrations.AddField("auditentry", "code", models.CharField(blank=True, max_length=60, default=""), preserve_default=False),
        migrations.AddField("auditentry", "channel", models.CharField(blank=True, max_length=10, default=""), preserve_default=False),
        migrations.AddField("auditentry", "address", models.CharField(blank=True, max_length=45, default=""), preserve_default=False),
        migrations.AddField("auditentry", "agent", models.CharField(blank=True, max_length=200, default=""), preserve_default=False),
        migrations.AddField("auditentry", "request_id", models.CharField(blank=True, max_length=32, default=""), preserve_default=False),
        migrations.AddField("auditentry", "beside", models.BigIntegerField(null=True)),
        of_before("auditanchor", "format", models.PositiveSmallIntegerField(), 1),
        migrations.AddField("auditanchor", "number", models.BigIntegerField(null=True)),
        of_before("auditanchor", "previous_mac", models.BinaryField(max_length=32), b"\x00" * 32),
        migrations.RunSQL(FILL),
        migrations.AlterField("auditentry", "data", portal.audit.models.ExactJsonField(default=dict)),
        migrations.AlterField("auditanchor", "number", models.BigIntegerField(unique=True)),
        migrations.AddConstraint("auditentry", models.CheckConstraint(condition=Q(("chain__lt", 32), ("id", F("sequence") * 1000 + F("chain"))), name="audit_entry_id_is_its_place_in_the_chain")),
        migrations.AddConstraint("auditentry", models.CheckConstraint(condition=Q(("result__in", ["succeeded", "refused", "failed"])), name="audit_entry_result_is_known")),
        migrations.AddConstraint("auditentry", models.CheckConstraint(condition=Q(Q(("result", "succeeded"), _negated=True), ("code", ""), _connector="OR"), name="audit_entry_of_success_has_no_refusal")),
        migrations.AddIndex("auditentry", models.Index(fields=["at", "id"], name="audit_entry_by_time")),
        migrations.CreateModel(
            "AuditSeal",
            signed(
                chain=models.PositiveSmallIntegerField(),
                begins=models.BigIntegerField(),
                at=models.DateTimeField(),
                previous_mac=models.BinaryField(max_length=32),
            ),
            options={"constraints": [models.UniqueConstraint(fields=("chain", "begins"), name="audit_seal_one_per_place_in_chain")]},
        ),
        migrations.CreateModel(
            "AuditVerification",
            signed(
                at=models.DateTimeField(),
                seconds=models.PositiveIntegerField(),
                entries=models.BigIntegerField(),
                anchors=models.BigIntegerField(),
                faults=models.BigIntegerField(),
            ),
            options={"indexes": [models.Index(fields=["at"], name="audit_verification_by_time")]},
        ),
        migrations.CreateModel(
            "RefusalTally",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("public_id", models.UUIDField(default=uuid.uuid4, editable=False)),
                ("event", models.CharField(max_length=60)),
                ("address", models.CharField(blank=True, max_length=45)),
                ("minute", models.DateTimeField()),
                ("count", models.PositiveIntegerField()),
            ],
            options={"constraints": [models.UniqueConstraint(fields=("minute", "address", "event"), name="refusals_are_counted_once")]},
        ),
        migrations.RunSQL(GUARD),
    ]
