import django.db.models.deletion
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.CreateModel(
            name="ClientError",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("fingerprint", models.CharField(editable=False, max_length=64, unique=True)),
                ("message", models.TextField(verbose_name="message")),
                ("count", models.PositiveIntegerField(default=1, verbose_name="times")),
                ("user_agent", models.CharField(blank=True, max_length=255, verbose_name="program")),
                ("first_seen_at", models.DateTimeField(verbose_name="first seen")),
                ("last_seen_at", models.DateTimeField(db_index=True, verbose_name="last seen")),
            ],
            options={
                "verbose_name": "client error",
                "verbose_name_plural": "client errors",
                "ordering": ["-last_seen_at"],
            },
        ),
        migrations.CreateModel(
            name="Device",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[("app", "Easy Box app"), ("integration", "integration")],
                        default="app",
                        max_length=12,
                        verbose_name="kind",
                    ),
                ),
                ("name", models.CharField(blank=True, max_length=200, verbose_name="name")),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="first login")),
                ("last_seen_at", models.DateTimeField(blank=True, null=True, verbose_name="last seen")),
                ("revoked_at", models.DateTimeField(blank=True, null=True, verbose_name="revoked")),
            ],
            options={
                "verbose_name": "device",
                "verbose_name_plural": "devices",
                "ordering": ["-last_seen_at", "-id"],
            },
        ),
        migrations.CreateModel(
            name="User",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("password", models.CharField(max_length=128, verbose_name="password")),
                ("last_login", models.DateTimeField(blank=True, null=True, verbose_name="last login")),
                (
                    "is_superuser",
                    models.BooleanField(
                        default=False,
                        help_text="Designates that this user has all permissions without explicitly assigning them.",
                        verbose_name="superuser status",
                    ),
                ),
                ("email", models.EmailField(max_length=254, unique=True, verbose_name="e-mail")),
                ("username", models.CharField(max_length=150, verbose_name="shown name")),
                (
                    "is_active",
                    models.BooleanField(
                        default=True,
                        help_text="Take this away instead of deleting an account.",
                        verbose_name="may log in",
                    ),
                ),
                (
                    "is_staff",
                    models.BooleanField(
                        default=False, help_text="Sees the admin and settles discrepancies.", verbose_name="manager"
                    ),
                ),
                ("date_joined", models.DateTimeField(auto_now_add=True, verbose_name="since")),
                (
                    "groups",
                    models.ManyToManyField(
                        blank=True,
                        help_text="The groups this user belongs to. A user will get all permissions granted to each of their groups.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.group",
                        verbose_name="groups",
                    ),
                ),
                (
                    "user_permissions",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Specific permissions for this user.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.permission",
                        verbose_name="user permissions",
                    ),
                ),
            ],
            options={
                "verbose_name": "person",
                "verbose_name_plural": "people",
                "ordering": ["username", "id"],
            },
        ),
        migrations.CreateModel(
            name="Alert",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=40)),
                ("facts", models.JSONField(default=dict)),
                ("created_at", models.DateTimeField()),
                ("sent_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ["id"],
                "indexes": [
                    models.Index(condition=models.Q(("sent_at__isnull", True)), fields=["id"], name="alert_unsent")
                ],
            },
        ),
        migrations.CreateModel(
            name="DeviceMemory",
            fields=[
                (
                    "device",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="memory",
                        serialize=False,
                        to="api.device",
                    ),
                ),
                ("number", models.BigIntegerField(default=0)),
                ("state", models.TextField(default="{}")),
            ],
        ),
        migrations.AddField(
            model_name="device",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="devices",
                to=settings.AUTH_USER_MODEL,
                verbose_name="person",
            ),
        ),
        migrations.CreateModel(
            name="Order",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("customer_name", models.CharField(max_length=255, verbose_name="customer")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("open", "open"),
                            ("inProgress", "in progress"),
                            ("picked", "picked"),
                            ("cancelled", "cancelled"),
                        ],
                        default="open",
                        max_length=12,
                        verbose_name="status",
                    ),
                ),
                ("archived_at", models.DateTimeField(blank=True, editable=False, null=True, verbose_name="archived")),
                ("revision", models.BigIntegerField(db_index=True, default=0, editable=False)),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created")),
                ("updated_at", models.DateTimeField(auto_now=True, verbose_name="changed")),
            ],
            options={
                "verbose_name": "order",
                "verbose_name_plural": "orders",
                "ordering": ["id"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ["open", "inProgress", "picked", "cancelled"])),
                        name="order_status_known",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="OrderVersion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("revision", models.BigIntegerField()),
                ("customer_name", models.CharField(max_length=255, verbose_name="customer")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("open", "open"),
                            ("inProgress", "in progress"),
                            ("picked", "picked"),
                            ("cancelled", "cancelled"),
                        ],
                        max_length=12,
                        verbose_name="status",
                    ),
                ),
                ("lines", models.JSONField(default=list, verbose_name="lines")),
                ("archived", models.BooleanField(default=False, verbose_name="archived")),
                ("changed_at", models.DateTimeField(verbose_name="when")),
                (
                    "device",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="api.device",
                        verbose_name="device",
                    ),
                ),
                (
                    "order",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="versions",
                        to="api.order",
                        verbose_name="order",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="person",
                    ),
                ),
            ],
            options={
                "verbose_name": "order version",
                "verbose_name_plural": "order versions",
                "ordering": ["order_id", "revision"],
            },
        ),
        migrations.CreateModel(
            name="Product",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("sku", models.CharField(max_length=100, verbose_name="SKU")),
                ("name", models.CharField(max_length=255, verbose_name="name")),
                ("location", models.CharField(blank=True, default="", max_length=100, verbose_name="location")),
                ("quantity", models.BigIntegerField(default=0, editable=False, verbose_name="on hand")),
                (
                    "min_quantity",
                    models.PositiveIntegerField(
                        default=0, help_text="Warn when fewer are on hand.", verbose_name="minimum"
                    ),
                ),
                ("image", models.ImageField(blank=True, max_length=255, upload_to="products", verbose_name="photo")),
                (
                    "thumbnail",
                    models.ImageField(
                        blank=True, editable=False, max_length=255, upload_to="products", verbose_name="thumbnail"
                    ),
                ),
                (
                    "unverified",
                    models.BooleanField(
                        default=False,
                        help_text="Made from an unknown barcode that a phone sent; give it a name.",
                        verbose_name="unverified",
                    ),
                ),
                ("archived_at", models.DateTimeField(blank=True, editable=False, null=True, verbose_name="archived")),
                ("revision", models.BigIntegerField(db_index=True, default=0, editable=False)),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created")),
                ("updated_at", models.DateTimeField(auto_now=True, verbose_name="changed")),
            ],
            options={
                "verbose_name": "product",
                "verbose_name_plural": "products",
                "ordering": ["id"],
                "indexes": [models.Index(fields=["sku"], name="product_sku")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("archived_at__isnull", True)),
                        fields=("sku",),
                        name="product_sku_unique_among_live",
                    ),
                    models.CheckConstraint(condition=models.Q(("sku", ""), _negated=True), name="product_has_sku"),
                    models.CheckConstraint(condition=models.Q(("name", ""), _negated=True), name="product_has_name"),
                ],
            },
        ),
        migrations.CreateModel(
            name="OrderLine",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("sku", models.CharField(max_length=100, verbose_name="SKU")),
                ("name", models.CharField(max_length=255, verbose_name="name")),
                ("quantity_to_pick", models.PositiveIntegerField(verbose_name="to pick")),
                ("quantity_picked", models.PositiveIntegerField(default=0, verbose_name="picked")),
                ("removed_at", models.DateTimeField(blank=True, editable=False, null=True, verbose_name="removed")),
                (
                    "order",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="lines",
                        to="api.order",
                        verbose_name="order",
                    ),
                ),
                (
                    "product",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="order_lines",
                        to="api.product",
                        verbose_name="product",
                    ),
                ),
            ],
            options={
                "verbose_name": "order line",
                "verbose_name_plural": "order lines",
                "ordering": ["id"],
            },
        ),
        migrations.CreateModel(
            name="Discrepancy",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("name_differs", "one SKU, two names"),
                            ("sku_taken", "SKU taken"),
                            ("unknown_sku", "unknown barcode"),
                            ("archived_stock", "goods of an archived product"),
                            ("quantity_guess", "uncertain quantity"),
                            ("unknown_product", "unknown product"),
                            ("possible_duplicate", "possibly counted twice"),
                            ("over_picked", "more picked than ordered"),
                            ("picked_twice", "picked twice"),
                            ("picked_after_cancel", "picked after cancellation"),
                            ("negative_stock", "fewer than none on hand"),
                            ("implausible_quantity", "implausible quantity"),
                            ("short_picked", "fewer picked than ordered"),
                            ("unknown_order", "unknown order"),
                        ],
                        max_length=24,
                        verbose_name="kind",
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("open", "open"),
                            ("applied", "applied"),
                            ("reversed", "reversed"),
                            ("dismissed", "dismissed"),
                        ],
                        default="open",
                        max_length=10,
                        verbose_name="status",
                    ),
                ),
                ("sku", models.CharField(blank=True, max_length=100, verbose_name="SKU")),
                ("facts", models.JSONField(default=dict, verbose_name="facts")),
                ("created_at", models.DateTimeField(verbose_name="when")),
                ("resolved_at", models.DateTimeField(blank=True, null=True, verbose_name="settled")),
                ("note", models.TextField(blank=True, verbose_name="note")),
                (
                    "device",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="api.device",
                        verbose_name="device",
                    ),
                ),
                (
                    "resolved_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="settled by",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="person",
                    ),
                ),
                (
                    "order",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="discrepancies",
                        to="api.order",
                        verbose_name="order",
                    ),
                ),
                (
                    "product",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="discrepancies",
                        to="api.product",
                        verbose_name="product",
                    ),
                ),
            ],
            options={
                "verbose_name": "discrepancy",
                "verbose_name_plural": "discrepancies",
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="ProductVersion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("revision", models.BigIntegerField()),
                ("sku", models.CharField(max_length=100, verbose_name="SKU")),
                ("name", models.CharField(max_length=255, verbose_name="name")),
                ("location", models.CharField(blank=True, max_length=100, verbose_name="location")),
                ("image", models.CharField(blank=True, max_length=255, verbose_name="photo")),
                ("archived", models.BooleanField(default=False, verbose_name="archived")),
                ("changed_at", models.DateTimeField(verbose_name="when")),
                (
                    "device",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="api.device",
                        verbose_name="device",
                    ),
                ),
                (
                    "product",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="versions",
                        to="api.product",
                        verbose_name="product",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="person",
                    ),
                ),
            ],
            options={
                "verbose_name": "product version",
                "verbose_name_plural": "product versions",
                "ordering": ["product_id", "revision"],
            },
        ),
        migrations.CreateModel(
            name="Revision",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("value", models.BigIntegerField(default=0)),
                ("epoch", models.CharField(max_length=32)),
            ],
            options={
                "constraints": [models.CheckConstraint(condition=models.Q(("id", 1)), name="revision_has_one_row")],
            },
        ),
        migrations.CreateModel(
            name="StockMovement",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("receipt", "receipt"),
                            ("pick", "pick"),
                            ("adjustment", "adjustment"),
                            ("count", "count"),
                            ("return", "return"),
                            ("reversal", "reversal"),
                        ],
                        max_length=12,
                        verbose_name="kind",
                    ),
                ),
                ("quantity_delta", models.BigIntegerField(verbose_name="change")),
                ("quantity_after", models.BigIntegerField(verbose_name="on hand after")),
                ("reason", models.CharField(blank=True, max_length=255, verbose_name="reason")),
                ("op_key", models.CharField(max_length=255, null=True, unique=True)),
                ("revision", models.BigIntegerField(db_index=True)),
                ("occurred_at", models.DateTimeField(verbose_name="happened")),
                ("recorded_at", models.DateTimeField(verbose_name="recorded")),
                (
                    "device",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="movements",
                        to="api.device",
                        verbose_name="device",
                    ),
                ),
                (
                    "order_line",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="movements",
                        to="api.orderline",
                        verbose_name="order line",
                    ),
                ),
                (
                    "product",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="movements",
                        to="api.product",
                        verbose_name="product",
                    ),
                ),
                (
                    "reverses",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="reversed_by",
                        to="api.stockmovement",
                        verbose_name="reverses",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="person",
                    ),
                ),
            ],
            options={
                "verbose_name": "stock movement",
                "verbose_name_plural": "stock movements",
                "ordering": ["-id"],
            },
        ),
        migrations.AddConstraint(
            model_name="user",
            constraint=models.UniqueConstraint(
                django.db.models.functions.text.Lower("email"), name="user_email_unique_whatever_case"
            ),
        ),
        migrations.AddConstraint(
            model_name="orderversion",
            constraint=models.UniqueConstraint(fields=("order", "revision"), name="order_version_once"),
        ),
        migrations.AddConstraint(
            model_name="orderline",
            constraint=models.UniqueConstraint(fields=("order", "product"), name="order_line_once_per_product"),
        ),
        migrations.AddConstraint(
            model_name="orderline",
            constraint=models.CheckConstraint(
                condition=models.Q(("removed_at__isnull", True), ("quantity_picked", 0), _connector="OR"),
                name="order_line_removed_holds_nothing",
            ),
        ),
        migrations.AddIndex(
            model_name="discrepancy",
            index=models.Index(fields=["status", "-id"], name="discrepancy_open_first"),
        ),
        migrations.AddConstraint(
            model_name="productversion",
            constraint=models.UniqueConstraint(fields=("product", "revision"), name="product_version_once"),
        ),
        migrations.AddIndex(
            model_name="stockmovement",
            index=models.Index(
                models.F("product"),
                models.OrderBy(models.F("id"), descending=True),
                name="stock_movement_product_latest",
            ),
        ),
        migrations.AddConstraint(
            model_name="stockmovement",
            constraint=models.CheckConstraint(
                condition=models.Q(("quantity_delta", 0), _negated=True), name="stock_movement_moves"
            ),
        ),
        migrations.AddConstraint(
            model_name="stockmovement",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "reversal"), ("reverses__isnull", False)),
                    models.Q(models.Q(("kind", "reversal"), _negated=True), ("reverses__isnull", True)),
                    _connector="OR",
                ),
                name="stock_movement_reversal_names_what",
            ),
        ),
    ]
