"""`.env.example` lists exactly the variables that the backend and the production stack read."""

import re

from dev.common import BACKEND, ROOT, settings_defaults, settings_variables
from dev.tests.test_compose import services

READ = re.compile(r'\b(?:str|choice|boolean|natural|words|rate|secret|database)\(\s*"([A-Z0-9_]+)"')
FOR_MAKE_RUN = {"HOST", "PORT"}
FOR_CHECKS = {"ENV_FILE", "TEST_SQLITE_PATH"}

COMPOSE = sorted(path.name for path in BACKEND.glob("docker-compose*.yml"))
READ_BY_COMPOSE = re.compile(r"(?<!\$)\$\{([A-Z0-9_]+)")
DEFAULT_OF_COMPOSE = re.compile(r"(?<!\$)\$\{([A-Z0-9_]+):-([^{}]+)\}")
DEFAULT_OF_SCRIPT = re.compile(r"\bsetting ([A-Z0-9_]+) ([\w.:/-]+)")
READ_BY_SHELL = re.compile(r"(?<![\\$])\$\{?#?([A-Z][A-Z0-9_]+)\b|\bvalues\[([A-Z0-9_]+)\]")
READ_BY_FUNCTION = re.compile(r"\b(?:setting|secret|folder|has)((?: [A-Z][A-Z0-9_]+)+)")

NOT_SETTINGS = {
    "the shell's own": {"BASH_REMATCH", "BASH_SOURCE", "HOME", "SECONDS"},
    "set by sshd, certbot and /etc/os-release": {
        "SSH_CONNECTION", "SSH_ORIGINAL_COMMAND", "RENEWED_LINEAGE", "ID", "VERSION_CODENAME",
    },
    "folders and files of deploy/, from common.sh": {"ROOT", "BACKEND", "ENV_FILE"},
    "constants of setup-server.sh": {
        "AUTO", "DAEMON", "NO_PASSWORDS", "SSHD", "DOCKER_KEY", "FOLDERS", "GITHUB_KEY", "OLDEST_COMPOSE", "TOOLS",
    },
    "constants of other scripts": {"BEGIN", "HASHES", "KEEP"},
    "passed from one script of deploy/ to the next": {"LINK", "LOG", "TRIAL_PASSWORD"},
    "an option and folders of certbot.sh; only tests set the folders": {"EMAIL", "ACME", "CERTS"},
    "folders in the backup's containers; only tests set them": {
        "BACKUPS", "MEDIA", "MEDIA_OWNER", "PROJECT", "SETTINGS", "STATE",
    },
    "read by restic, from offsite.env": {"RESTIC_REPOSITORY", "RESTIC_PASSWORD"},
    "set by Compose from POSTGRES_DB": {"PGDATABASE"},
    "for `docker login`; write-env.sh does not store them": {"DOCKER_USERNAME", "DOCKER_PASSWORD"},
}  # fmt: skip


def code(path: str) -> str:
    """A file without its comments."""
    return re.sub(r"(^|\s)#.*", r"\1", (ROOT / path).read_text(encoding="utf-8"), flags=re.MULTILINE)


def scripts() -> str:
    folders = [ROOT / "deploy", BACKEND / "nginx", BACKEND / "backup"]
    return "\n".join(code(str(path.relative_to(ROOT))) for folder in folders for path in sorted(folder.rglob("*.sh")))


def compose() -> str:
    return "\n".join(code(f"easy_box_backend/{name}") for name in COMPOSE)


def read_by_stack() -> set[str]:
    """The variables that the files of the stack read; of NAME and NAME_FILE only NAME."""
    names = set(READ_BY_COMPOSE.findall(compose()))
    for name in COMPOSE:
        for service in services(name).values():  # `NAME:` passes it on
            names |= {name for name, value in service.get("environment", {}).items() if value is None}
    names |= {first or second for first, second in READ_BY_SHELL.findall(scripts())}
    names |= {name for found in READ_BY_FUNCTION.findall(scripts()) for name in found.split()}
    names |= set(re.findall(r"^ARG ([A-Z0-9_]+)", code("easy_box_backend/Dockerfile"), re.MULTILINE))
    names |= set(re.findall(r'environ\.get\("([A-Z0-9_]+)"', code("easy_box_backend/docker/gunicorn_config.py")))
    return {name for name in names if not (name.endswith("_FILE") and name.removesuffix("_FILE") in names)}


def test_the_example_lists_every_variable_that_settings_read() -> None:
    """A setting that nobody can find is not a setting."""
    read = set(READ.findall((BACKEND / "backend" / "settings.py").read_text(encoding="utf-8")))
    assert settings_variables() - FOR_MAKE_RUN == read - FOR_CHECKS


def test_the_example_lists_every_variable_that_the_stack_reads() -> None:
    others = set().union(*NOT_SETTINGS.values())
    stack = settings_variables(of_stack=True)
    assert read_by_stack() - settings_variables() == stack | others


def test_the_example_shows_the_defaults_of_the_stack() -> None:
    shown = settings_defaults(of_stack=True)
    used = set(DEFAULT_OF_COMPOSE.findall(compose()) + DEFAULT_OF_SCRIPT.findall(scripts()))
    used.discard(("HTTP_BIND", "127.0.0.1"))  # where the scripts ask nginx if it listens on all addresses
    different = {name: (shown[name], default) for name, default in used if name in shown and shown[name] != default}
    assert different == {}
