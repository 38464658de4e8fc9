"""`manage.py import_old_backend` imports databases with the tables of the two former backends."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.contrib.auth.hashers import make_password
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from api import images
from api.actions import counts, devices, ledger, orders, products, reversing
from api.actor import Actor
from api.models import Discrepancy, Order, Product, StockMovement, User
from api.tests.calls import PASSWORD
from api.tests.photos import plain_jpeg
from api.tests.servers import serving

pytestmark = pytest.mark.both_databases

TOKEN = "0123456789abcdef0123456789abcdef01234567"
PRODUCTS = [
    (7, "TSH-1", "Футболка", 12, "A1-01", "image/upload/v17/shirt.jpg"),
    (9, "SOCK", "Socks", 0, None, None),
    (12, "HAT", "", -2, "", "missing.jpg"),
]
ORDERS = [(3, "Anna", "open"), (5, "Boris", "picked"), (6, "Clara", "cancelled"), (8, "Dora", "inProgress")]
LINES = [(1, 3, 7, 2, 0), (2, 5, 7, 4, 4), (3, 5, 9, 30, 30), (4, 6, 7, 5, 5), (5, 8, 9, 3, 1), (6, 8, 9, 2, 1)]


def tables(family: str, pictures: str) -> str:
    person = "id integer primary key, password varchar(128), is_superuser boolean, username varchar(150)"
    person += (
        ", first_name varchar(150), last_name varchar(150), is_staff boolean, is_active boolean, email varchar(254)"
    )
    return f"""
        CREATE TABLE {family}_user ({person}, last_login timestamp, date_joined timestamp);
        CREATE TABLE {family}_product (id integer primary key, sku varchar(100), name varchar(255), quantity integer,
            location varchar(100), {pictures});
        CREATE TABLE "{family}_order" (id integer primary key, customer_name varchar(255), status varchar(20));
        CREATE TABLE {family}_orderline (id integer primary key, order_id integer, product_id integer,
            quantity_to_pick integer, quantity_picked integer);
        CREATE TABLE authtoken_token (key varchar(40) primary key, created timestamp, user_id integer);
    """


def fill(run: Any, family: str = "core", pictures: str = "image varchar(255)", mark: str = "?") -> None:
    """Create the tables and rows of a former backend.

    run: a function that executes a statement with values. family: the prefix of the tables. pictures: the columns of
    pictures. mark: the database's placeholder for a value.
    """
    for statement in tables(family, pictures).split(";"):
        if statement.strip():
            run(statement, ())
    people = [
        (1, make_password(PASSWORD), True, "Owner", True, True, "Owner@Example.com"),
        (2, make_password(PASSWORD), False, "Picker", False, True, "picker@example.com"),
        (4, "$2b$12$abcdefghijklmnopqrstuv", False, "Gone", False, False, "gone@example.com"),
    ]
    columns = "id, password, is_superuser, username, is_staff, is_active, email"
    rows: dict[str, list[tuple[Any, ...]]] = {
        f"{family}_user ({columns})": people,
        f"{family}_product (id, sku, name, quantity, location, {pictures.split()[0]})": PRODUCTS,
        f'"{family}_order" (id, customer_name, status)': ORDERS,
        f"{family}_orderline (id, order_id, product_id, quantity_to_pick, quantity_picked)": LINES,
        "authtoken_token (key, user_id)": [(TOKEN, 2), ("f" * 40, 4)],
    }
    for into, values in rows.items():
        for value in values:
            run(f"INSERT INTO {into} VALUES ({', '.join([mark] * len(value))})", value)


@pytest.fixture
def old_url(tmp_path: Path) -> str:
    """The URL of a former backend's database (`core_*`)."""
    return create_database(tmp_path / "old.sqlite3")


def create_database(path: Path, **how: str) -> str:
    with sqlite3.connect(path) as lite:
        fill(lite.execute, **how)
    lite.close()
    return f"sqlite:///{path}"


def run_import(url: str, *options: str) -> str:
    out = StringIO()
    call_command("import_old_backend", url, *options, stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_without_commit_it_prints_what_it_would_do_and_changes_nothing(old_url: str) -> None:
    output = run_import(old_url)
    assert not User.objects.exists()
    assert not Product.objects.exists()
    assert not StockMovement.objects.exists()
    for line in ("3 people", "1 logins", "3 products", "10 pieces on hand", "4 orders", "2 pictures to load"):
        assert f" {line}\n" in output, output
    assert "Nothing was changed" in output


@pytest.mark.django_db
def test_with_commit_everything_is_imported(old_url: str) -> None:
    run_import(old_url, "--commit")
    found = Product.objects.order_by("id").values_list("id", "sku", "name", "quantity", "location")
    assert list(found) == [
        (7, "TSH-1", "Футболка", 12, "A1-01"),
        (9, "SOCK", "Socks", 0, ""),
        (12, "HAT", "HAT", -2, ""),
    ]
    assert list(Order.objects.order_by("id").values_list("id", "customer_name", "status")) == ORDERS
    lines = Order.objects.get(id=8).lines.values_list("product", "sku", "quantity_to_pick", "quantity_picked")
    assert list(lines) == [(9, "SOCK", 5, 2)]
    assert Order.objects.get(id=6).lines.get().quantity_picked == 0, "picked goods of a cancelled order are returned"
    assert Order.objects.sought("core 5").get().id == 5
    assert ledger.broken_ledgers() == []
    assert Discrepancy.objects.get().kind == Discrepancy.Kind.NEGATIVE_STOCK, "about the hat; picks create no questions"
    roles = dict(User.objects.values_list("email", "is_superuser"))
    assert roles == {"owner@example.com": True, "picker@example.com": False, "gone@example.com": False}


@pytest.mark.django_db
def test_people_log_in_with_their_passwords_and_phones_stay_logged_in(old_url: str, guest: APIClient) -> None:
    output = run_import(old_url, "--commit")
    answer = guest.post("/api/auth/token/", {"email": "owner@example.com", "password": PASSWORD})
    assert answer.status_code == 200
    phone = APIClient(headers={"User-Agent": "Dart/3.4 (dart:io)", "Authorization": f"Token {TOKEN}"})
    assert phone.get("/api/users/me/").json()["username"] == "Picker"
    assert phone.post("/api/products/9/add_stock/", {"quantity": 5}).status_code == 200
    assert Product.objects.get(id=9).quantity == 5
    assert APIClient(headers={"Authorization": f"Token {'f' * 40}"}).get("/api/users/me/").status_code == 401
    assert "The password of gone@example.com" in output


@pytest.mark.django_db
def test_a_second_import_adds_only_new_rows_and_restores_no_login(old_url: str) -> None:
    run_import(old_url, "--commit")
    by = Actor(None, at=timezone.now())
    picker = User.objects.get(email="picker@example.com")
    devices.revoke_all(picker, at=by.at)
    products.update(7, {"name": "Shirt"}, quantity=99, by=by)
    products.create(sku="NEW", name="New", by=by)
    before = StockMovement.objects.count()
    with sqlite3.connect(old_url.removeprefix("sqlite:///")) as lite:
        lite.execute("INSERT INTO core_product VALUES (20, 'LATE', 'Late', 3, NULL, NULL)")
        lite.execute("INSERT INTO core_order VALUES (21, 'Late', 'picked')")
        lite.execute("INSERT INTO core_orderline VALUES (22, 21, 7, 1, 1)")
        lite.execute("INSERT INTO core_order VALUES (23, 'Without lines', 'open')")
    lite.close()
    output = run_import(old_url, "--commit")
    for line in (
        "3 people who were here",
        "3 products that were here",
        "4 orders that were here",
        "1 products",
        "2 orders",
    ):
        assert f" {line}\n" in output, output
    assert Product.objects.get(id=7).quantity == 99, "picks in the former backend do not change on hand here"
    assert Product.objects.get(sku="LATE").quantity == 3
    assert StockMovement.objects.count() == before + 1 + 3  # the new count; count, pick and its compensation
    assert not Order.objects.filter(revision=0).exists()
    assert not picker.devices.filter(token__isnull=False).exists()
    assert ledger.broken_ledgers() == []


@pytest.mark.django_db
def test_imported_orders_and_counts_behave_like_our_own(old_url: str) -> None:
    run_import(old_url, "--commit")
    by = Actor(None, at=timezone.now())
    orders.update(5, status=Order.Status.CANCELLED, by=by)
    assert Product.objects.get(id=9).quantity == 30, "the goods of a cancelled order come back"
    pick = StockMovement.objects.get(kind="pick", product=9, order_line__order=8)
    reversing.reverse(pick.pk, by=by, reason="never picked")
    assert Product.objects.get(id=9).quantity == 30, "the count has seen what was there"
    counts.count(9, 4, counted_at=by.at, by=by)
    assert Product.objects.get(id=9).quantity == 4
    assert ledger.broken_ledgers() == []


@pytest.mark.django_db
def test_ids_that_are_taken_are_changed_and_then_no_login_is_imported(old_url: str) -> None:
    by = Actor(None, at=timezone.now())
    mine = products.create(sku="MINE", name="Mine", by=by)
    Product.objects.filter(pk=mine.pk)
    with sqlite3.connect(old_url.removeprefix("sqlite:///")) as lite:
        lite.execute("UPDATE core_product SET id = ? WHERE id = 9", [mine.pk])
        lite.execute("UPDATE core_orderline SET product_id = ? WHERE product_id = 9", [mine.pk])
    lite.close()
    output = run_import(old_url, "--commit")
    socks = Product.objects.get(sku="SOCK")
    assert socks.pk not in (mine.pk, 9)
    assert Order.objects.get(id=8).lines.get().product == socks
    assert "1 products and 0 orders have other ids" in output
    assert " logins" not in output.split("!")[0]
    assert products.create(sku="NEXT", name="Next", by=by).pk > 12, "new ids are above the imported ones"


@pytest.mark.django_db
def test_products_that_become_one_sku_here_keep_the_pieces_of_both(old_url: str) -> None:
    """There "TSH-1" and "TSH-1 " were two."""
    with sqlite3.connect(old_url.removeprefix("sqlite:///")) as lite:
        lite.execute("INSERT INTO core_product (id, sku, name, quantity) VALUES (20, 'TSH-1 ', 'Shirt', 30)")
    lite.close()
    output = run_import(old_url, "--commit")
    assert "The products 7 and 20 have the same SKU TSH-1 here" in output
    assert Product.objects.get(sku="TSH-1").quantity == 42
    run_import(old_url, "--commit")
    assert Product.objects.get(sku="TSH-1").quantity == 42
    assert ledger.broken_ledgers() == []


@pytest.mark.django_db
def test_the_later_backends_pictures_are_urls(tmp_path: Path) -> None:
    url = create_database(tmp_path / "api.sqlite3", family="api", pictures="image_url varchar(2048), extra text")
    output = run_import(url, "--commit")
    assert "Tables api_*" in output
    assert Product.objects.count() == 3
    assert "Not known, so not read: api_product.extra" in output


# --- Pictures -----------------------------------------------------------------------------------------------------
@pytest.fixture
def pictures() -> Iterator[str]:
    """The URL of a server that has shirt.jpg and answers 404 to other paths."""
    shirt = plain_jpeg("red")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path == "/box/image/upload/v17/shirt.jpg"
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(shirt if found else b"")

    with serving(Handler) as url:
        yield f"{url}/box"


@pytest.mark.django_db
def test_pictures_are_loaded_and_those_that_fail_are_named_and_tried_again(
    old_url: str, pictures: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "*")
    output = run_import(old_url, "--commit")
    assert "The picture of product 7: it is a name without an address" in output
    output = run_import(old_url, "--commit", "--pictures", pictures)
    assert "1 of 2 pictures loaded" in output
    assert "The picture of product 12: it can't be loaded (HTTP Error 404: Not Found)" in output
    shirt = Product.objects.get(id=7)
    assert shirt.image.name.startswith("products/")
    assert shirt.quantity == 12
    assert "0 of 1 pictures loaded" in run_import(old_url, "--commit", "--pictures", pictures)


@pytest.mark.django_db
def test_a_product_that_is_archived_while_its_picture_loads_is_named(
    old_url: str, pictures: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode = images.prepare

    def prepare(*args: Any, **more: Any) -> images.Photo:
        products.archive(7, by=Actor(None, at=timezone.now()))
        return decode(*args, **more)

    monkeypatch.setattr(images, "prepare", prepare)
    assert "The picture of product 7: the product has been archived meanwhile" in run_import(
        old_url, "--commit", "--pictures", pictures
    )


@pytest.mark.django_db
@pytest.mark.parametrize("server", ["https://res.cloudinary.com", "https://photos.example.com"])
def test_the_account_at_cloudinary_gives_the_urls_of_its_pictures(
    old_url: str, settings: Any, monkeypatch: pytest.MonkeyPatch, server: str
) -> None:
    settings.CLOUDINARY_CLOUD_NAME, settings.CLOUDINARY_DELIVERY_URL = "box", server
    requested: list[str] = []

    def refuse(url: str, timeout: float) -> None:
        requested.append(url)
        raise OSError("no network")

    monkeypatch.setattr("api.actions.old_pictures.urllib.request.urlopen", refuse)
    run_import(old_url, "--commit")
    assert requested == [f"{server}/box/image/upload/v17/shirt.jpg"]


# --- Databases that are refused -----------------------------------------------------------------------------------
@pytest.mark.django_db
def test_a_database_of_another_program_is_refused_with_a_reason(tmp_path: Path) -> None:
    def refusal(url: str, *options: str) -> str:
        with pytest.raises(CommandError) as raised:
            run_import(url, *options)
        return str(raised.value)

    with sqlite3.connect(tmp_path / "x.sqlite3") as lite:
        lite.execute("CREATE TABLE products (id integer)")
        assert "The tables there: products" in refusal(f"sqlite:///{tmp_path / 'x.sqlite3'}")
        lite.execute("CREATE TABLE core_product (id integer, sku text)")
        lite.execute("CREATE TABLE core_user (id integer, email text, username text, password text)")
        assert "core_user lacks is_active, is_staff, is_superuser" in refusal(f"sqlite:///{tmp_path / 'x.sqlite3'}")
        lite.execute("CREATE TABLE api_product (id integer)")
        assert "--tables core" in refusal(f"sqlite:///{tmp_path / 'x.sqlite3'}")
        lite.execute("CREATE TABLE api_stockmovement (id integer)")
        assert "this backend itself" in refusal(f"sqlite:///{tmp_path / 'x.sqlite3'}")
    lite.close()
    assert "can't be read" in refusal(f"sqlite:///{tmp_path / 'none.sqlite3'}")
    output = refusal("postgres://somebody:s3cret@127.0.0.1:1/x")
    assert "reachable" in output
    assert "s3cret" not in output
    assert "neither postgres" in refusal("mysql://x")


@pytest.mark.django_db
def test_a_database_on_postgresql_is_read_and_not_changed() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("needs a server of PostgreSQL")
    about = connection.settings_dict
    where = {"host": about["HOST"], "port": about["PORT"], "user": about["USER"], "password": about["PASSWORD"]}
    with psycopg.connect(**where, dbname="postgres", autocommit=True) as server:
        server.execute("DROP DATABASE IF EXISTS former")
        server.execute("CREATE DATABASE former")
    url = f"postgres://{about['USER']}:{about['PASSWORD']}@{about['HOST']}:{about['PORT']}/former"
    try:
        with psycopg.connect(url) as former:
            fill(former.execute, mark="%s")
        output = run_import(url, "--commit")
        assert " 3 products\n" in output
        assert Product.objects.get(id=7).quantity == 12
        with psycopg.connect(url) as former:
            assert former.execute("SELECT count(*) FROM core_product").fetchone() == (3,)
    finally:
        with psycopg.connect(**where, dbname="postgres", autocommit=True) as server:
            server.execute("DROP DATABASE former")
