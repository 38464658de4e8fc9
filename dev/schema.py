"""`make schema` writes docs/openapi.yaml from the code; with `--check`, fails if the file is out of date."""

import difflib
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from dev.common import BACKEND, ROOT, clean_environment, database, temporary_folder

SCHEMA = ROOT / "docs" / "openapi.yaml"


def main(*, check: bool) -> int:
    """Returns the exit code: 0, or 1 if the generator warns or the file is out of date."""
    with temporary_folder() as folder, database("sqlite", folder) as url:
        fresh = folder / "openapi.yaml"
        command = [sys.executable, str(BACKEND / "manage.py"), "spectacular", "--file", str(fresh)]
        command += ["--validate", "--fail-on-warn"]
        environment = clean_environment(database_url=url, folder=folder)
        if subprocess.run(command, env=environment, check=False).returncode:
            return 1
        text = fresh.read_text(encoding="utf-8")
    if not check:
        SCHEMA.write_text(text, encoding="utf-8")
        return 0
    stored = SCHEMA.read_text(encoding="utf-8") if SCHEMA.exists() else ""
    lines = stored.splitlines(keepends=True), text.splitlines(keepends=True)
    drift = list(difflib.unified_diff(*lines, "docs/openapi.yaml", "what the code says"))
    if drift:
        sys.stdout.writelines(drift[:200])
        print('The API changed but docs/openapi.yaml did not. If that is intended: "make schema", and commit the file.')
    return 1 if drift else 0


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv[1:]))
