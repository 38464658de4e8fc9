import logging
import unicodedata

import django.db.models.deletion
from django.db import Error, migrations, models, transaction


def folded(text):
    """As texts.folded at the time of this migration."""
    return unicodedata.normalize("NFC", text).casefold().replace("ё", "е")


def fill(apps, schema_editor):
    text = apps.get_model("api", "ProductText")
    rows = []
    for product in (
        apps.get_model("api", "Product").objects.prefetch_related("barcodes").order_by("id").iterator(chunk_size=2000)
    ):
        codes = [barcode.code for barcode in product.barcodes.all()]
        words = folded("\n".join([product.sku, product.name, product.location, *codes]))
        rows.append(text(product=product, name=folded(product.name)[:100], words=words))
    text.objects.bulk_create(rows, batch_size=500)


def index_words(apps, schema_editor):
    """Make a search quick. On PostgreSQL by an index of groups of three letters, where its extension can be had;
    without it a search reads the whole table, which takes longer and finds the same. SQLite reads one index from its
    beginning, which has all that a search needs, in the order of the answer."""
    statements = {
        "postgresql": [
            "CREATE EXTENSION IF NOT EXISTS pg_trgm",
            "CREATE INDEX product_text_words ON api_producttext USING gin (words gin_trgm_ops)",
        ],
        "sqlite": ["CREATE INDEX product_text_words ON api_producttext (name, product_id, words)"],
    }
    connection = schema_editor.connection
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            for statement in statements.get(connection.vendor, []):
                cursor.execute(statement)
    except Error as error:
        logging.getLogger(__name__).warning("No index for searching products: %s", error)


class Migration(migrations.Migration):
    dependencies = [
        ("api", "0013_imports_of_sheets"),
    ]

    operations = [
        migrations.CreateModel(
            name="ProductText",
            fields=[
                (
                    "product",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="text",
                        serialize=False,
                        to="api.product",
                    ),
                ),
                ("name", models.CharField(max_length=100)),
                ("words", models.TextField()),
            ],
            options={"indexes": [models.Index(fields=["name", "product"], name="product_text_by_name")]},
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.RunPython(index_words, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name="product",
            index=models.Index(
                condition=models.Q(("quantity__lt", models.F("min_quantity"))), fields=["id"], name="product_low"
            ),
        ),
        migrations.AddIndex(
            model_name="product",
            index=models.Index(condition=models.Q(("unverified", True)), fields=["id"], name="product_unverified"),
        ),
    ]
