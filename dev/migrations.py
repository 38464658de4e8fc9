"""`make check-migrations`: both databases migrate from empty, every model change has a migration, and no migration
removes what the previous release needs (dev/expanding.py).
"""

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from dev.common import BACKEND, ROOT, clean_environment, database, temporary_folder
from dev.postgres import temporary_postgres

COMMANDS = (
    ["migrate", "--verbosity", "0"],
    ["makemigrations", "--check", "--dry-run"],
    ["check", "--database", "default", "--fail-level", "WARNING"],
)


def main() -> int:
    """Returns the exit code: 0, or 1 if any command failed on any database."""
    good = True
    with temporary_folder() as folder, database("sqlite", folder) as url:
        good &= passes("SQLite", url, folder)
    # Not the server of TEST_DATABASE_URL: this migrates the database itself, not a test copy of it.
    with temporary_folder() as folder, temporary_postgres() as url:
        good &= passes("PostgreSQL", url, folder)
        environment = clean_environment(database_url=url, folder=folder) | {
            "DJANGO_SETTINGS_MODULE": "backend.settings"
        }
        command = [sys.executable, str(ROOT / "dev" / "expanding.py")]
        good &= subprocess.run(command, env=environment, check=False).returncode == 0
    return 0 if good else 1


def passes(name: str, url: str, folder: Path) -> bool:
    """Run COMMANDS on the database at `url`; returns whether all succeed. name: the database, for the output."""
    print(f"==> {name}", flush=True)
    environment = clean_environment(database_url=url, folder=folder)
    for command in COMMANDS:
        manage = [sys.executable, str(BACKEND / "manage.py"), *command]
        if subprocess.run(manage, env=environment, check=False).returncode:
            return False
    return True


if __name__ == "__main__":
    sys.exit(main())
