"""`make pin-images`: pins the base images in the Dockerfile and the compose files to the digests that their tags have
now.

    FROM python:3.13-slim-trixie@sha256:…      the tag is for people, Docker uses the digest

It asks Docker Hub, so it needs the internet. Review the change and commit it; Dependabot then proposes newer digests.
A digest covers all platforms of an image. Standard library only.
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
    """Pin the images in the FILES of `folder`; returns 0, or 1 if an image can't be found. Then nothing is changed.

    registry, login: the URLs of Docker Hub's registry and of its tokens.
    """
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
    """The digest of an image on Docker Hub. Raises OSError, KeyError or ValueError if it can't be had."""
    name, _, tag = image.partition(":")
    name = name if "/" in name else f"library/{name}"
    with urllib.request.urlopen(f"{login}&scope=repository:{name}:pull", timeout=SECONDS) as answer:
        token = json.load(answer)["token"]
    headers = {"Authorization": f"Bearer {token}", "Accept": KINDS}
    request = urllib.request.Request(f"{registry}/v2/{name}/manifests/{tag}", headers=headers, method="HEAD")
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:
        digest = str(answer.headers["Docker-Content-Digest"])
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        raise ValueError(f"the registry has answered with {digest!r}")
    return digest


if __name__ == "__main__":
    sys.exit(main())
