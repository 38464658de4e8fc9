import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


def begin_counting(apps, schema_editor):
    """The counter's one row; `epoch` names this line of history (a restored backup begins another)."""
    apps.get_model("api", "Revision").objects.get_or_create(id=1, defaults={"value": 0, "epoch": uuid.uuid4().hex[:12]})


class Migration(migrations.Migration):
    dependencies = [
        ("api", "0001_tables"),
        # Knox's last: SQLite refuses a reference to a table whose key a later migration changes.
        ("knox", "0009_extend_authtoken_field"),
    ]

    operations = [
        migrations.RunPython(begin_counting, migrations.RunPython.noop),
        migrations.AddField(
            model_name="device",
            name="token",
            field=models.OneToOneField(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="device",
                to=settings.KNOX_TOKEN_MODEL,
            ),
        ),
    ]
