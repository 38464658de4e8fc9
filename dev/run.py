"""`make run`: migrate the database, load demo data into an empty one, serve, and print the addresses.

`--reload` (`make dev`) serves with Django's development server instead: DEBUG, and reload on every change.
"""

import errno
import io
import os
import socket
import sys
from pathlib import Path
from typing import NoReturn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from dev.network import address_for_phones

ROOT = Path(__file__).resolve().parent.parent
BACKEND = ROOT / "easy_box_backend"
DEMO_EMAIL, DEMO_PASSWORD = "admin@example.com", "password"


def main(*, reload: bool) -> None:
    """Prepare the database, then replace this process by the server."""
    host, port = where_to_listen()
    refuse_a_busy_port(host, port)
    if reload:
        os.environ.setdefault("DEBUG", "true")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(BACKEND), str(ROOT)])
    sys.path.insert(0, str(BACKEND))
    banner = prepare(host, port)
    if reload:
        print(banner, flush=True)
        serve = [sys.executable, str(BACKEND / "manage.py"), "runserver", f"{host}:{port}"]
    else:
        os.environ["EASYBOX_BANNER"] = banner  # printed by dev/gunicorn_config.py once the server listens
        bind = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        serve = [sys.executable, "-m", "gunicorn", "--config", str(ROOT / "dev" / "gunicorn_config.py")]
        serve += ["--bind", bind, "--chdir", str(BACKEND), "backend.wsgi"]
    os.execv(sys.executable, serve)


def where_to_listen() -> tuple[str, int]:
    """HOST and PORT from the environment, else from `.env`, else 0.0.0.0 and 8000."""
    file = Path(os.environ.get("ENV_FILE", ROOT / ".env"))
    written = read_env_file(file) if file.is_file() else {}
    host = os.environ.get("HOST") or written.get("HOST") or "0.0.0.0"
    port = os.environ.get("PORT") or written.get("PORT") or "8000"
    if not port.isdecimal() or not 0 < int(port) < 65536:
        stop(f"PORT={port} is not a port: choose a number from 1 to 65535.")
    return host, int(port)


def read_env_file(file: Path) -> dict[str, str]:
    """The plain `NAME=value` lines of an environment file, without quotes. Nothing is expanded or executed."""
    values = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and not name.startswith("#"):
            values[name.strip()] = value.strip().strip("'\"")
    return values


def refuse_a_busy_port(host: str, port: int) -> None:
    """Exit with a clear message if no server can listen on this address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            probe.listen(1)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            stop(f"Port {port} is taken by another program. Choose another one: PORT={port + 1} make run")
        if error.errno == errno.EACCES:
            stop(f"Port {port} needs root. Run as root, or choose another port: PORT=8000 make run")
        stop(f"HOST={host} is not an address of this machine ({error.strerror}). Try: HOST=0.0.0.0 make run")


def prepare(host: str, port: int) -> str:
    """Migrate, load demo data into an empty database, and return the banner."""
    import django
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import call_command
    from django.core.management.base import SystemCheckError
    from django.db import OperationalError

    (ROOT / "var").mkdir(exist_ok=True)
    try:
        django.setup()
        from django.conf import settings

        Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)
        call_command("check", fail_level="ERROR", stdout=io.StringIO())  # errors are raised
        print("==> Preparing the database", flush=True)
        call_command("migrate", interactive=False, verbosity=0)
        if settings.MODE == "development":
            call_command("load_demo", if_empty=True)
        return describe(host, port)
    except (ImproperlyConfigured, SystemCheckError) as error:
        stop(str(error))
    except OperationalError as error:
        stop(f"The database of DATABASE_URL can't be used: {error}")


def describe(host: str, port: int) -> str:
    """The banner: the server's addresses, and how to log in."""
    from django.db import connection

    if host in ("0.0.0.0", "::"):
        server = address_for_phones() or "127.0.0.1"
    else:
        server = f"[{host}]" if ":" in host else host
    base = f"http://{server}" if port == 80 else f"http://{server}:{port}"
    database = connection.settings_dict
    where = database["NAME"] if connection.vendor == "sqlite" else f"{database['HOST']}/{database['NAME']}"
    lines = [
        "",
        "Easy Box is running.",
        "",
        f"  API for the phones   {base}/api",
        f"  Log in as            {login()}",
        f"  Desk                 {base}/",
        f"  API documentation    {base}/api/docs/",
        f"  Database             {connection.display_name}: {where}",
        "",
    ]
    if server.startswith(("127.", "localhost", "[::1")):
        lines += ["Only this machine can reach it: HOST=0.0.0.0 and a network let phones in.", ""]
    return "\n".join([*lines, "Ctrl-C stops it.", ""])


def login() -> str:
    """The demo login if it exists with its known password, else how to create an account."""
    from django.contrib.auth import get_user_model

    user = get_user_model().objects.filter(email=DEMO_EMAIL, is_active=True).first()
    if user and user.check_password(DEMO_PASSWORD):
        return f"{DEMO_EMAIL} / {DEMO_PASSWORD}"
    return "your own account (a new one: .venv/bin/python easy_box_backend/manage.py createsuperuser)"


def stop(text: str) -> NoReturn:
    """Exit with a message and exit code 1."""
    sys.exit(text)


if __name__ == "__main__":
    main(reload="--reload" in sys.argv[1:])
