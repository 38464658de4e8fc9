"""Runs setup-server.sh twice in a bare root file system of Debian, and checks that the second run changes nothing.

No systemd runs there, so the steps that need it are skipped. Docker is Debian's if Docker's packages can't be reached.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
import tempfile
import time
from pathlib import Path

from proofs.verification.checks import Result
from proofs.verification.engine import CACHE, ROOT, install, run, say

SUITE = "trixie"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAeGnHgRT2kVRuyvxgQ0H7IFGkkcrFZZAyk2XzFj6VbX ci"
CI_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHc4bPmPqvK0uWbVJbZ2o5Cq7n0f3vQmZbZs5m1p0b3d deploys"
CHANGING = ("proc", "dev", "sys", "run", "tmp", "var/log", "var/cache", "var/lib/apt/lists")
"""Folders whose files may change at any run, as apt changes its lists."""
Results = list[Result]


def setup() -> Results:
    """Run the checks. Returns their results."""
    folder = Path(tempfile.mkdtemp(prefix="easybox-setup-"))
    try:
        return twice(bare_root(folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def bare_root(folder: Path) -> Path:
    """Make a root file system of Debian with apt and little else, and the project's repository in its /srv."""
    install()
    base = CACHE / f"{SUITE}-bare.tar"
    if not base.exists():
        say("Making a bare root file system")
        CACHE.mkdir(parents=True, exist_ok=True)
        partial = base.with_suffix(".half.tar")
        run(
            ["mmdebstrap", "--quiet", "--variant=apt", "--aptopt=Acquire::Check-Valid-Until false", SUITE, str(partial)]
        )
        partial.rename(base)
    root = folder / "root"
    root.mkdir()
    run(["tar", "--extract", "--file", str(base), "--directory", str(root)])
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    # Packages must not start their services, which would run on this machine.
    policy = root / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    run(["git", "clone", "--quiet", "--bare", str(ROOT), str(root / "srv/origin.git")])
    run(["git", "-C", str(root / "srv/origin.git"), "branch", "--force", "main", "HEAD"])
    run(["chown", "--recursive", "1000:1000", str(root / "srv/origin.git")])
    return root


def twice(root: Path) -> Results:
    """Run setup-server.sh in the root file system several times, and check what it did each time."""
    results: Results = []

    def note(name: str, good: bool, text: str) -> None:
        results.append((name, good, text))
        say(f"{'ok    ' if good else 'FAILED'} {name}: {text}")

    options = ["--repository", "file:///srv/origin.git", "--public-key", KEY, "--ssh-port", "2222", "--swap", "16M"]
    options += ["--ci-key", CI_KEY, "--ssh-passwords", "off"]
    code, output, seconds = call(root, *options)
    say("\n    ".join(["Its output", *output.splitlines()]))
    note("setup-server.sh on a bare Debian", code == 0 and "done" in output, f"ended with {code} after {seconds:.0f} s")

    before = snapshot(root)
    code, output, seconds = call(root, *options)
    after = snapshot(root)
    changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    again = [line for line in output.splitlines() if line.startswith("done")]
    good = code == 0 and not changed and not again
    note("a second time changes nothing", good, f"{len(after)} files, {seconds:.0f} s; {changed[:5]} {again}")

    home = root / "home/deploy"
    mode = stat.S_IMODE((home / ".ssh/authorized_keys").stat().st_mode)
    keys = (home / ".ssh/authorized_keys").read_text().splitlines()
    limited = f'restrict,command="/home/deploy/easy_box/deploy/ssh-command.sh" {CI_KEY}'
    facts = {
        "the keys are there, for their owner only": keys == [KEY, limited] and mode == 0o600,
        "no passwords": "PasswordAuthentication no" in (root / "etc/ssh/sshd_config.d/10-easybox.conf").read_text(),
        "the project is there": (home / "easy_box/deploy/deploy.sh").exists(),
        "in the group docker": "docker" in chrooted(root, "id", "-nG", "deploy").stdout.split(),
        "Compose is there": chrooted(root, "docker", "compose", "version").returncode == 0,
        "four ports are open": chrooted(root, "ufw", "show", "added").stdout.count("ufw allow") == 4,
        "swap at every start": "/swapfile none swap" in (root / "etc/fstab").read_text(),
    }
    wrong = [name for name, holds in facts.items() if not holds]
    note("what is there afterwards", not wrong, f"not so: {wrong}" if wrong else f"{len(facts)} of {len(facts)}")

    with (home / ".ssh/authorized_keys").open("a") as file:
        file.write(f"{CI_KEY}\n")  # as an earlier release had added it
    call(root, *options)
    keys = (home / ".ssh/authorized_keys").read_text().splitlines()
    note("a key of the workflow without limits", keys == [KEY, limited], "is replaced by the limited one")

    code, output, _seconds = call(root, "--repository", "git@github.com:somebody/private.git", "--user", "other")
    good = code == 1 and "deploy key" in output and "ssh-ed25519 " in output
    note("a private repository", good, "says which key it needs" if good else output[-500:])
    return results


def chrooted(root: Path, *command: str, **options: object) -> subprocess.CompletedProcess[str]:
    """Run a command in the root file system, in its own process namespace, so that all its processes end with it."""
    mount = 'mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && exec chroot "$0" "$@"'
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": "/root"}
    return subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", mount, str(root), *command],
        check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, timeout=900,
        **options,  # type: ignore[call-overload]
    )  # fmt: skip


def call(root: Path, *options: str) -> tuple[int, str, float]:
    """Run the script and its parts from standard input, as over SSH; returns exit code, output, and seconds."""
    began = time.monotonic()
    parts = [*sorted((ROOT / "deploy/setup").glob("*.sh")), ROOT / "deploy/setup-server.sh"]
    script = "".join(path.read_text() for path in parts)
    done = chrooted(root, "bash", "-s", "--", *options, input=script)
    return done.returncode, done.stdout, time.monotonic() - began


def snapshot(root: Path) -> dict[str, tuple[object, ...]]:
    """Mode, owner and content of every file, by path, without those in CHANGING."""
    found: dict[str, tuple[object, ...]] = {}
    for path in root.rglob("*"):
        name = str(path.relative_to(root))
        if name.startswith(CHANGING):
            continue
        state = path.lstat()
        content = ""
        if path.is_symlink():
            content = str(path.readlink())
        elif path.is_file():
            content = hashlib.sha256(path.read_bytes()).hexdigest()
        found[name] = (state.st_mode, state.st_uid, state.st_gid, content)
    return found
