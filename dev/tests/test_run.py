"""`make run`: where it listens, what it checks before the server starts, and the addresses that it prints."""

import re
import socket
from pathlib import Path

import pytest
from django.urls import resolve

from dev import network, run


@pytest.fixture(autouse=True)
def _no_settings_of_the_person(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HOST", "PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ENV_FILE", str(tmp_path / ".env"))


def test_without_settings_it_listens_for_everybody_on_8000() -> None:
    """The README says so."""
    assert run.where_to_listen() == ("0.0.0.0", 8000)


def test_the_environment_overrides_the_env_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """settings.py has the same order."""
    (tmp_path / ".env").write_text("# PORT=1\nexport HOST='127.0.0.1'\nPORT=$(touch x)\nPORT=9000\n")
    assert run.where_to_listen() == ("127.0.0.1", 9000)
    monkeypatch.setenv("PORT", "9001")
    assert run.where_to_listen() == ("127.0.0.1", 9001)


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http", "8000.0"])
def test_an_invalid_port_is_refused_with_its_value_in_the_message(monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    monkeypatch.setenv("PORT", port)
    with pytest.raises(SystemExit, match=f"PORT={port} is not a port"):
        run.where_to_listen()


def test_a_busy_port_is_refused_with_a_message() -> None:
    """Otherwise the server would end with a traceback."""
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen(1)
        port = busy.getsockname()[1]
        with pytest.raises(SystemExit, match=f"Port {port} is taken"):
            run.refuse_a_busy_port("127.0.0.1", port)
    run.refuse_a_busy_port("127.0.0.1", port)


@pytest.fixture
def interfaces(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The faked addresses of this machine's network interfaces, by name. "route": the source address of packets that
    leave the network."""
    addresses = {"lo": "127.0.0.1"}

    class Probe(socket.socket):
        def connect(self, address: object) -> None:
            if "route" not in addresses:
                raise OSError("Network is unreachable")

        def getsockname(self) -> tuple[str, int]:
            return addresses["route"], 9

    def ioctl(_socket: int, _request: int, name: bytes) -> bytes:
        return bytes(20) + socket.inet_aton(addresses[name.rstrip(b"\0").decode()]) + bytes(232)

    names = [(1, "lo"), (2, "none"), (3, "eth0")]
    monkeypatch.setattr(network.socket, "if_nameindex", lambda: [row for row in names if row[1] in addresses])
    monkeypatch.setattr(network.socket, "socket", Probe)
    monkeypatch.setattr(network.fcntl, "ioctl", ioctl)
    return addresses


def test_the_address_for_phones_is_never_a_loopback_address(interfaces: dict[str, str]) -> None:
    """A phone can't reach 127.0.0.1. Without a network there is no address for phones."""
    assert network.address_for_phones() is None
    interfaces["route"] = "127.0.0.1"
    assert network.address_for_phones() is None
    interfaces["eth0"] = "192.168.1.20"
    assert network.address_for_phones() == "192.168.1.20"
    interfaces["route"] = "192.168.1.30"
    assert network.address_for_phones() == "192.168.1.30"


@pytest.mark.django_db
def test_the_printed_addresses_are_pages_of_the_server() -> None:
    """A new user opens them first."""
    banner = run.describe("127.0.0.1", 8000)
    paths = re.findall(r"http://127\.0\.0\.1:8000(/(?:\S+/)?)$", banner, re.MULTILINE)
    assert paths == ["/", "/api/docs/"]
    for path in paths:
        resolve(path)
