from django.conf import settings
from django.db import migrations, models

OUTSIDE_NUMBER = "The order's number in another program or shop."


class Migration(migrations.Migration):
    dependencies = [("api", "0007_rights_logins_and_limits")]

    operations = [
        migrations.AddField("order", "due_on", models.DateField(blank=True, null=True, verbose_name="due on")),
        migrations.AddField(
            "order",
            "note",
            models.TextField(blank=True, db_default="", default="", max_length=2000, verbose_name="note"),
        ),
        migrations.AddField(
            "order",
            "outside_number",
            models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text=OUTSIDE_NUMBER,
                max_length=100,
                verbose_name="outside number",
            ),
        ),
        migrations.AddField("orderversion", "due_on", models.DateField(null=True, verbose_name="due on")),
        migrations.AddField(
            "orderversion", "note", models.TextField(blank=True, db_default="", default="", verbose_name="note")
        ),
        migrations.AddField(
            "orderversion",
            "outside_number",
            models.CharField(blank=True, db_default="", default="", max_length=100, verbose_name="outside number"),
        ),
        migrations.AddIndex(
            "order",
            models.Index(condition=models.Q(archived_at__isnull=True), fields=["status"], name="order_live_by_status"),
        ),
        migrations.CreateModel(
            name="OrderDraft",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("content", models.JSONField(default=dict)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=models.deletion.CASCADE, related_name="drafts", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "order",
                    models.ForeignKey(
                        null=True, on_delete=models.deletion.CASCADE, related_name="drafts", to="api.order"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("user", "order"), name="order_draft_once"),
                    models.UniqueConstraint(
                        fields=("user",), condition=models.Q(order=None), name="order_draft_one_new"
                    ),
                ]
            },
        ),
    ]
