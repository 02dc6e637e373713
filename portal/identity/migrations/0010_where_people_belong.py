"""Where each identity belongs: what the last login was for, as far as the audit trail tells."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

READ_THE_TRAIL = """
UPDATE identity_identity AS known SET node_id = (
    SELECT entry.node_id
    FROM audit_auditentry AS entry JOIN identity_person AS person
      ON person.public_id = entry.subject_public_id
    WHERE person.id = known.person_id AND entry.event IN ('person.joined', 'person.logged_in')
      AND entry.node_id IN (SELECT id FROM identity_node)
    ORDER BY entry.at DESC, entry.id DESC LIMIT 1)
WHERE issuer <> 'urn:cloudloket:break-glass';
"""
ENDS = ["own", "operator", "provider", "blocked", "idle", "absolute", "replaced", "moved"]


class Migration(migrations.Migration):
    dependencies = [
        ("identity", "0009_proposed_deputies"),
        ("audit", "0004_results_origins_and_seals"),
    ]
    operations = [
        migrations.AddField(
            "identity",
            "node",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="identities",
                to="identity.node",
            ),
        ),
        migrations.RunSQL(
            ["SET CONSTRAINTS ALL IMMEDIATE", READ_THE_TRAIL, "SET CONSTRAINTS ALL IMMEDIATE"],
            migrations.RunSQL.noop,
        ),
        migrations.AlterField(
            "loginsession",
            "ended_how",
            models.CharField(
                blank=True,
                choices=[
                    ("own", "Ended by yourself"),
                    ("operator", "Ended by an operator"),
                    ("provider", "Ended by the login service"),
                    ("blocked", "The account was blocked"),
                    ("idle", "Not used for too long"),
                    ("absolute", "The time was up"),
                    ("replaced", "Logged in again"),
                    ("moved", "Logged in for another organization"),
                ],
                max_length=20,
            ),
        ),
        migrations.RemoveConstraint("loginsession", "login_session_end_known"),
        migrations.AddConstraint(
            "loginsession",
            models.CheckConstraint(
                condition=Q(ended_how__in=["", *ENDS]), name="login_session_end_known"
            ),
        ),
    ]
