"""Until there are rules that approve by themselves, a decision is a person's."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0005_pinned_search_path")]
    operations = [
        migrations.RemoveConstraint(
            model_name="approval",
            name="approval_by_a_person_or_by_a_rule",
        ),
        migrations.AddConstraint(
            model_name="approval",
            constraint=models.CheckConstraint(
                condition=models.Q(("approver__isnull", False), ("rule", "")),
                name="approval_given_by_a_person",
            ),
        ),
    ]
