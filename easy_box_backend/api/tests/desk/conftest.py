"""Fixtures: a manager who is logged in at the desk."""

from __future__ import annotations

import pytest
from django.test import Client

from api.models import User
from api.tests.conftest import MakeUser


def enter(user: User, language: str = "en") -> Client:
    """A client in which this person is logged in at the desk, without a password."""
    client = Client()
    client.force_login(user)
    client.cookies["django_language"] = language
    return client


@pytest.fixture
def vera(make_user: MakeUser) -> User:
    """A manager."""
    return make_user("Vera", is_staff=True)


@pytest.fixture
def desk(vera: User) -> Client:
    """A client in which the manager is logged in at the desk, in English."""
    return enter(vera)
