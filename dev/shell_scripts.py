"""`make scripts`: shellcheck for every shell script of the project."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SKIPPED = {".git", ".venv", "var", "node_modules"}


def shell_scripts() -> list[Path]:
    """Every file that ends in .sh or whose first line names a shell."""
    found = []
    for folder in sorted(path for path in ROOT.iterdir() if path.is_dir() and path.name not in SKIPPED):
        found += [path for path in sorted(folder.rglob("*")) if path.is_file() and is_shell_script(path)]
    return found


def is_shell_script(path: Path) -> bool:
    """Whether `path` holds a script for sh, bash or dash."""
    if path.suffix == ".sh":
        return True
    if path.suffix:
        return False
    with path.open("rb") as file:
        first = file.readline(80)
    return first.startswith(b"#!") and first.rstrip().endswith(b"sh")


def main() -> int:
    """Returns shellcheck's exit code."""
    scripts = [str(path) for path in shell_scripts()]
    if not scripts:
        return 0
    shellcheck = Path(sys.executable).parent / "shellcheck"
    return subprocess.run([str(shellcheck), "--external-sources", *scripts], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
