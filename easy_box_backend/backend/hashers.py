"""The hasher of passwords."""

import threading

from django.contrib.auth.hashers import Argon2PasswordHasher

_one_at_a_time = threading.Lock()


class Argon2(Argon2PasswordHasher):
    """Argon2 with Django's parameters. Each hash takes 100 MB, so a process computes one at a time: the threads of one
    backend would need 800 MB when many phones log in at once. More at once are no faster, since one uses all cores."""

    def encode(self, password: str, salt: str) -> str:
        with _one_at_a_time:
            return super().encode(password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        with _one_at_a_time:
            return super().verify(password, encoded)
