"""The demo data: it is complete, agrees with the ledger, and is never created in production."""

from collections import Counter
from collections.abc import Iterator
from functools import cache
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db.models import Count, F
from django.test import Client, TestCase, override_settings
from pytest_django import DjangoDbBlocker
from pytest_django.fixtures import Settings

from api import demo
from api.actions import ledger
from api.images import Photo
from api.models import Discrepancy, Order, OrderLine, Product, StockMovement, User
from api.tests.cases import made_once
from api.tests.examples import some
from backend.checks import demo_accounts

pytestmark = pytest.mark.django_db
draw_photos = demo.draw_photos


@cache
def same_photo() -> dict[tuple[str, str], Photo]:
    """One photo for all articles, since drawing each takes seconds."""
    photo = demo.drawn_here(demo.drawings.draw("socks", "red"))
    return {article.picture: photo for article in demo.CATALOGUE}


@pytest.fixture(autouse=True)
def development_mode(settings: Settings) -> None:
    """Development mode, where demo data is allowed. The suite also runs in production mode."""
    settings.PRODUCTION = False


@pytest.fixture
def media(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Path:
    settings.MEDIA_ROOT = str(tmp_path)
    monkeypatch.setattr(demo, "draw_photos", same_photo)
    return tmp_path


@pytest.fixture(scope="class")
def shop(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    """The output of the command and the folder of photos. The demo data is loaded once for all tests of a class, each
    of which undoes its own changes."""
    media, out = tmp_path_factory.mktemp("demo"), StringIO()
    own = override_settings(MEDIA_ROOT=str(media), PRODUCTION=False)
    with made_once(django_db_blocker):
        with own, pytest.MonkeyPatch.context() as patch, TestCase.captureOnCommitCallbacks(execute=True):
            patch.setattr(demo, "draw_photos", same_photo)
            call_command("load_demo", stdout=out)
        yield out.getvalue(), media


@pytest.fixture
def loaded(shop: tuple[str, Path], settings: Settings) -> str:
    output, media = shop
    settings.MEDIA_ROOT = str(media)
    return output


class TestLoaded:
    def test_there_are_a_manager_and_a_picker_who_can_log_in(self, loaded: str, client: Client) -> None:
        admin, picker = User.objects.order_by("id")
        assert (admin.email, admin.username, admin.is_staff, admin.is_superuser) == (
            "admin@example.com", "Admin User", True, True,
        )  # fmt: skip
        assert (picker.email, picker.username, picker.is_staff, picker.is_superuser) == (
            "picker@example.com", "Picker", False, False,
        )  # fmt: skip
        assert "admin@example.com" in loaded
        for email in ("admin@example.com", "picker@example.com"):
            answer = client.post("/api/auth/token/", {"email": email, "password": "password"}, "application/json")
            assert answer.status_code == 200

    def test_every_product_has_a_place_a_photo_and_goods(self, loaded: str, settings: Settings) -> None:
        media, shelf = Path(settings.MEDIA_ROOT), list(Product.objects.all())
        assert len(shelf) == 24
        assert len({product.location for product in shelf}) == 24
        for product in shelf:
            assert product.quantity > 0
            assert (media / product.image.name).stat().st_size > 1000
            assert (media / product.thumbnail.name).stat().st_size > 300

    def test_barcodes_have_a_valid_check_digit(self, loaded: str) -> None:
        codes = [sku for sku in Product.objects.values_list("sku", flat=True) if sku.isdecimal()]
        assert len(codes) >= 8
        for code in codes:
            assert len(code) == 13
            assert sum(int(digit) * (1, 3)[place % 2] for place, digit in enumerate(code)) % 10 == 0

    def test_two_products_are_low_on_stock(self, loaded: str) -> None:
        low = Product.objects.filter(quantity__lt=F("min_quantity"))
        assert set(low.values_list("sku", flat=True)) == {"BLT-BRN-95", "GLV-BLK-M"}

    def test_there_are_six_orders_of_several_lines_in_every_status(self, loaded: str) -> None:
        assert Counter(Order.objects.values_list("status", flat=True)) == dict.fromkeys(Order.Status.values, 6)
        assert not Order.objects.annotate(length=Count("lines")).filter(length__lt=2).exists()

    def test_orders_are_picked_as_far_as_their_status_says(self, loaded: str) -> None:
        for order in Order.objects.prefetch_related("lines"):
            picked = sum(line.quantity_picked for line in order.lines.all())
            wanted = sum(line.quantity_to_pick for line in order.lines.all())
            match order.status:
                case Order.Status.OPEN | Order.Status.CANCELLED:
                    assert picked == 0
                case Order.Status.IN_PROGRESS:
                    assert 0 < picked < wanted
                case Order.Status.PICKED:
                    assert picked == wanted

    def test_the_ledger_is_correct_and_there_are_no_questions(self, loaded: str) -> None:
        assert ledger.broken_ledgers() == []
        assert not Discrepancy.objects.exists()
        kinds = set(StockMovement.objects.values_list("kind", flat=True))
        assert kinds == {"receipt", "pick", "return", "adjustment"}

    def test_a_database_with_data_is_refused_and_not_changed(self, loaded: str) -> None:
        before = (User.objects.count(), Product.objects.count(), OrderLine.objects.count())
        with pytest.raises(CommandError, match="not empty"):
            call_command("load_demo")
        assert (User.objects.count(), Product.objects.count(), OrderLine.objects.count()) == before

    def test_production_mode_reports_demo_accounts_until_their_password_changes(
        self, loaded: str, settings: Settings
    ) -> None:
        assert demo_accounts(None) == []
        settings.PRODUCTION = True
        (error,) = demo_accounts(None)
        assert error.id == "backend.E005"
        assert "admin@example.com, picker@example.com" in error.msg
        admin, picker = User.objects.order_by("id")
        admin.set_password("correct horse battery")
        admin.save()
        picker.is_active = False
        picker.save()
        assert demo_accounts(None) == []


def test_each_article_has_a_picture_of_its_own_that_is_the_same_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = some(demo.CATALOGUE, "its pictures")
    monkeypatch.setattr(demo, "CATALOGUE", tried)
    drawn = draw_photos()
    assert set(drawn) == {article.picture for article in tried}
    assert len({photo.digest for photo in drawn.values()}) == len(drawn), "each looks different"
    monkeypatch.setattr(demo, "CATALOGUE", tried[:1])
    again = draw_photos()
    assert again.items() <= drawn.items()


def test_with_if_empty_nothing_happens_if_there_is_a_user(media: Path) -> None:
    User.objects.create_user("boss@example.com", "correct horse battery", username="Boss")
    call_command("load_demo", if_empty=True)
    assert User.objects.count() == 1
    assert not Product.objects.exists()


@pytest.mark.parametrize("if_empty", [True, False])
def test_production_mode_creates_no_demo_accounts(settings: Settings, if_empty: bool) -> None:
    settings.PRODUCTION = True
    with pytest.raises(CommandError, match="production"):
        call_command("load_demo", if_empty=if_empty)
    assert not User.objects.exists()


def test_a_failure_leaves_nothing_behind(media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo._Orders, "make", lambda self: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        call_command("load_demo")
    assert not User.objects.exists()
    assert not Product.objects.exists()
