import unicodedata

from django.db import migrations, models


def folded(text):
    """As texts.folded at the time of this migration."""
    return unicodedata.normalize("NFC", text).casefold().replace("ё", "е")


def fill(apps, schema_editor):
    orders = apps.get_model("api", "Order").objects
    rows = []
    for order in orders.only("outside_number", "customer_name").order_by("id").iterator(chunk_size=2000):
        order.words = folded(f"{order.outside_number}\n{order.customer_name}")
        rows.append(order)
    orders.bulk_update(rows, ["words"], batch_size=500)


class Migration(migrations.Migration):
    dependencies = [("api", "0014_products_are_searched_by_words")]

    operations = [
        migrations.AddField("order", "words", models.TextField(db_default="", default="", editable=False)),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
