"""`make pin-images`: names the base images in the Dockerfile and the compose files by the digests of their tags now.

    FROM python:3.13-slim-trixie@sha256:…      the tag is for people, the digest decides

Asks Docker Hub, so it needs the internet. Look at the change and commit it; Dependabot then proposes newer ones. A
digest names all platforms of an image. Standard library only.
"""

import json
import re
import sys
import urllib.request
from pathlib import Path

BACKEND = Path(__file__).resolve().parent.parent / "easy_box_backend"
FILES = ("Dockerfile", "docker-compose.prod.yml", "docker-compose.optional.yml", "docker-compose.deploy.yml")
IMAGE = re.compile(r"^(FROM |\s+image: )([a-z0-9./_-]+:[\w.-]+)(@sha256:[0-9a-f]{64})?", re.MULTILINE)
REGISTRY, LOGIN = "https://registry-1.docker.io", "https://auth.docker.io/token?service=registry.docker.io"
KINDS = "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json"
SECONDS = 30


def main(folder: Path = BACKEND, registry: str = REGISTRY, login: str = LOGIN) -> int:
    """Returns 1 if an image can't be found; then nothing is changed."""
    texts = {folder / name: (folder / name).read_text(encoding="utf-8") for name in FILES}
    images = sorted({found[2] for text in texts.values() for found in IMAGE.finditer(text)})
    digests = {}
    for image in images:
        try:
            digests[image] = digest_of(image, registry, login)
        except (OSError, KeyError, ValueError) as error:
            print(f"{image}: {error}", file=sys.stderr)
            return 1
        print(f"{image}@{digests[image]}")
    for path, text in texts.items():
        path.write_text(IMAGE.sub(lambda found: f"{found[1]}{found[2]}@{digests[found[2]]}", text), encoding="utf-8")
    return 0


def digest_of(image: str, registry: str, login: str) -> str:
    """The digest of an image on Docker Hub. Raises OSError, KeyError or ValueError."""
    name, _, tag = image.partition(":")
    name = name if "/" in name else f"library/{name}"
    with urllib.request.urlopen(f"{login}&scope=repository:{name}:pull", timeout=SECONDS) as answer:
        token = json.load(answer)["token"]
    headers = {"Authorization": f"Bearer {token}", "Accept": KINDS}
    asked = urllib.request.Request(f"{registry}/v2/{name}/manifests/{tag}", headers=headers, method="HEAD")
    with urllib.request.urlopen(asked, timeout=SECONDS) as answer:
        digest = str(answer.headers["Docker-Content-Digest"])
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        raise ValueError(f"the registry has answered with {digest!r}")
    return digest


if __name__ == "__main__":
    sys.exit(main())
