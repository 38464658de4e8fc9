"""Creates `.venv` and keeps it in line with the pinned requirements: `python3 dev/venv.py runtime|dev`.

Runs on the system's Python before anything is installed: standard library only, and no syntax newer than
Python 3.6, so that an old Python gets a message and not a SyntaxError.
"""

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
OLDEST = (3, 11)
# The development file contains everything in the runtime file, at the same versions.
REQUIREMENTS = {
    "runtime": ROOT / "easy_box_backend" / "requirements.txt",
    "dev": ROOT / "easy_box_backend" / "requirements-dev.txt",
}


def main(kind: str) -> None:
    """Install into `.venv` what `kind` ("runtime" or "dev") needs; does nothing if it is up to date."""
    use_a_new_enough_python()
    (ROOT / "var").mkdir(exist_ok=True)
    with (ROOT / "var" / "venv.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two commands at once would install over each other
        if not works(VENV_PYTHON):
            make_environment()
        if not is_installed(kind):
            install(kind)


def use_a_new_enough_python() -> None:
    """Restart under a newer `python3.x` if this one is too old, or say which package to install."""
    if sys.version_info >= OLDEST:
        return
    for minor in (13, 12, 11, 14):
        newer = shutil.which(f"python3.{minor}")
        if newer:
            os.execv(newer, [newer, *sys.argv])
    have = f"{sys.version_info[0]}.{sys.version_info[1]}"
    stop(
        f"Python {OLDEST[0]}.{OLDEST[1]} or newer is needed; {sys.executable} is {have}.",
        "Debian 12, Ubuntu 24.04 and newer have it: apt-get install python3 python3-venv",
        "Ubuntu 22.04: apt-get install python3.11 python3.11-venv",
    )


def works(python: Path) -> bool:
    """Whether `python` starts, is new enough and has pip (an interrupted or outdated environment has not)."""
    if not python.exists():
        return False
    code = f"import pip, sys; sys.exit(sys.version_info < {OLDEST})"
    return subprocess.run([str(python), "-c", code], capture_output=True, check=False).returncode == 0


def make_environment() -> None:
    """Create a new, empty `.venv`."""
    if not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        stop(
            "Python's venv module is missing.",
            f"Install it: apt-get install python3-venv   (or python{version}-venv)",
        )
    say("Creating .venv")
    if subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=False).returncode:
        stop("The virtual environment could not be made; the reason is above.")


def is_installed(kind: str) -> bool:
    """Whether the installed packages are those of the present requirements of `kind`."""
    if kind == "runtime" and is_installed("dev"):
        return True
    stamp = VENV / f"installed-{kind}"
    return stamp.exists() and stamp.read_text() == fingerprint(kind)


def fingerprint(kind: str) -> str:
    """The SHA-256 of the requirements of `kind`, as hexadecimal digits."""
    return hashlib.sha256(REQUIREMENTS[kind].read_bytes()).hexdigest()


def install(kind: str) -> None:
    """Install the pinned requirements of `kind`; every file is checked against its hash."""
    say("Installing the dependencies (half a minute or so, once)")
    for stamp in VENV.glob("installed-*"):
        stamp.unlink()
    command = [str(VENV_PYTHON), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    command += ["--no-input", "--require-hashes", "--requirement", str(REQUIREMENTS[kind])]
    if subprocess.run(command, check=False).returncode:
        stop("The dependencies could not be installed; pip's reason is above. Try again with a network.")
    (VENV / f"installed-{kind}").write_text(fingerprint(kind))


def say(text: str) -> None:
    """Print what happens now."""
    print(f"==> {text}", flush=True)


def stop(*lines: str) -> None:
    """Exit with a message and exit code 1."""
    sys.exit("\n".join(lines))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "runtime")
