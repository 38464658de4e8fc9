"""Passwords are hashed one at a time in a process: each hash takes 100 MB."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher, check_password, make_password

from backend import hashers

pytestmark = pytest.mark.any_database


def test_parallel_logins_hash_one_after_the_other(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.PASSWORD_HASHERS = ["backend.hashers.Argon2"]
    running, most = 0, 0

    def slow(self: Argon2PasswordHasher, password: str, encoded: str) -> bool:
        nonlocal running, most
        running += 1
        most = max(most, running)
        time.sleep(0.02)
        running -= 1
        return True

    monkeypatch.setattr(Argon2PasswordHasher, "verify", slow)
    threads = [threading.Thread(target=hashers.Argon2().verify, args=("x", "y")) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_hashes_are_djangos_own_so_earlier_ones_are_valid(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["backend.hashers.Argon2"]
    earlier = Argon2PasswordHasher().encode("correct horse", "saltsaltsaltsalt")
    assert check_password("correct horse", earlier)
    assert not check_password("wrong horse", earlier)
    assert make_password("x").split("$")[:4] == earlier.split("$")[:4]
