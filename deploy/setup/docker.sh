# shellcheck shell=bash
# shellcheck disable=SC2329,SC2154 # called by `step` in setup-server.sh, which sets the variables
# Packages and Docker. A part of setup-server.sh.

DOCKER_KEY=9DC858229FC7DD38854AE2D88D81803C0EBFCD88 # docs.docker.com/engine/install
OLDEST_COMPOSE=2.24.4

installed() { # packages: whether all of them are installed
  local name
  for name in "$@"; do
    [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || return 1
  done
}
updated=
install_packages() {
  [ -n "$updated" ] || apt-get update -qq
  updated=yes
  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" >/dev/null
}
TOOLS=(ca-certificates curl git gpg openssh-client ufw unattended-upgrades)
has_tools() { installed "${TOOLS[@]}"; }
add_tools() { install_packages "${TOOLS[@]}"; }

has_docker() {
  local version
  command -v dockerd >/dev/null || return 1
  version=$(docker compose version --short 2>/dev/null) || return 1
  [ "$(printf '%s\n' "$OLDEST_COMPOSE" "${version#v}" | sort --version-sort | sed -n 1p)" = "$OLDEST_COMPOSE" ]
}
add_docker() {
  case $docker in
    docker) docker_own || fail "Docker's packages can't be reached: --docker distribution takes those of this system" ;;
    distribution) docker_of_distribution ;;
    auto) docker_own || docker_of_distribution ;;
  esac
}
docker_own() {
  local address key=/etc/apt/keyrings/docker.asc new
  # shellcheck source=/dev/null
  address=https://download.docker.com/linux/$(. /etc/os-release && echo "$ID")
  new=$(mktemp)
  curl --fail --silent --location --max-time 30 "$address/gpg" >"$new" || return 1
  gpg --show-keys --with-colons "$new" 2>/dev/null | grep "^fpr:.*:$DOCKER_KEY:" >/dev/null ||
    fail "the key at $address/gpg is not Docker's ($DOCKER_KEY)"
  install -D --mode 644 "$new" "$key"
  rm "$new"
  # shellcheck source=/dev/null
  printf 'deb [arch=%s signed-by=%s] %s %s stable\n' "$(dpkg --print-architecture)" "$key" "$address" \
    "$(. /etc/os-release && echo "$VERSION_CODENAME")" >/etc/apt/sources.list.d/docker.list
  updated=
  install_packages docker-ce docker-ce-cli containerd.io docker-buildx-plugin docker-compose-plugin
}
docker_of_distribution() {
  local compose
  row "note" "The packages of this distribution are used"
  [ -n "$updated" ] || apt-get update -qq
  updated=yes
  for compose in docker-compose-v2 docker-compose; do # Ubuntu's, Debian's
    if apt-cache show "$compose" >/dev/null 2>&1; then break; fi
  done
  install_packages docker.io docker-cli "$compose" 2>/dev/null || install_packages docker.io "$compose"
  has_docker || fail "Compose here is older than $OLDEST_COMPOSE: Docker's own packages are needed (--docker docker)"
}

# Containers keep running while Docker is updated or restarted.
DAEMON='{"live-restore": true}'
daemon_is_set() { [ -s /etc/docker/daemon.json ]; } # an existing file of the operator stays
set_daemon() {
  mkdir -p /etc/docker
  printf '%s\n' "$DAEMON" >/etc/docker/daemon.json
  [ ! -d /run/systemd/system ] || systemctl restart docker
}
docker_runs() { systemctl is-enabled --quiet docker && systemctl is-active --quiet docker; }
run_docker() { systemctl enable --now docker; }
