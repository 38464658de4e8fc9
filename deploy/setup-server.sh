#!/usr/bin/env bash
# shellcheck disable=SC2329 # most functions are called by `step`
# Prepares a bare Debian or Ubuntu for deploys. Runs as root and needs no other file of this project:
#
#   ssh root@SERVER 'bash -s -- --repository git@github.com:OWNER/easy_box.git --ci-key "ssh-ed25519 AAAA… ci"' <deploy/setup-server.sh
#
#   --repository URL      the repository to clone into ~/easy_box of the deploy user
#   --ci-key KEY          the public key for the workflow's SSH_PRIVATE_KEY: it can deploy, and opens no shell
#   --public-key KEY      a person's public key for the deploy user; may be given several times
#   --ssh-passwords off   nobody logs in by a password any more; needs a key of root or of the deploy user (keep)
#   --user NAME           the deploy user (deploy)
#   --branch NAME         main
#   --ssh-port NUMBER     the SSH port that the firewall leaves open (that of this connection, or else 22)
#   --swap SIZE           2G; 0: none
#   --docker SOURCE       docker: Docker's own packages; distribution: those of Debian or Ubuntu; auto: the first, or the
#                         second if Docker's can't be reached (auto)
#
# Each step prints "already so" or "done". Called again, it changes only what is missing. Steps that need systemd are
# skipped, with a message, in a container or chroot.
set -euo pipefail

DOCKER_KEY=9DC858229FC7DD38854AE2D88D81803C0EBFCD88 # docs.docker.com/engine/install
# docs.github.com: GitHub's SSH key fingerprints
GITHUB_KEY='github.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl'
OLDEST_COMPOSE=2.24

fail() {
  printf 'FAILED: %s\n' "$*" >&2
  exit 1
}
row() { printf '%-10s %s\n' "$1" "$2"; }

# step TEXT CHECK ACTION: runs ACTION if CHECK fails, then checks again.
step() {
  if "$2"; then
    row "already so" "$1"
  else
    "$3" || fail "$1"
    "$2" || fail "$1: done, but the check still fails"
    row "done" "$1"
  fi
}

# The same for steps that need systemd and a kernel of their own.
live_step() {
  if [ -d /run/systemd/system ]; then
    step "$@"
  else
    row "skipped" "$1: no systemd here (a container or chroot)"
  fi
}

as_user() { runuser --user "$user" -- env HOME="$home" "$@"; }

# --- Packages -------------------------------------------------------------------------------------------------------
installed() { # all of them
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

# --- Docker -----------------------------------------------------------------------------------------------------------
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

# --- The deploy user ----------------------------------------------------------------------------------------------------
has_user() { id "$user" >/dev/null 2>&1 && id -nG "$user" | tr ' ' '\n' | grep -x docker >/dev/null; }
add_user() {
  id "$user" >/dev/null 2>&1 || useradd --create-home --shell /bin/bash --password '*' "$user"
  usermod --append --groups docker "$user"
}
has_keys() {
  local key
  for key in "${keys[@]}"; do grep -Fx "$key" "$home/.ssh/authorized_keys" >/dev/null 2>&1 || return 1; done
}
add_keys() {
  local key
  install --directory --mode 700 --owner "$user" --group "$user" "$home/.ssh"
  for key in "${keys[@]}"; do
    grep -Fx "$key" "$home/.ssh/authorized_keys" >/dev/null 2>&1 || printf '%s\n' "$key" >>"$home/.ssh/authorized_keys"
  done
  chown "$user:" "$home/.ssh/authorized_keys"
  chmod 600 "$home/.ssh/authorized_keys"
}
# An earlier release added the workflow's key without limits: such a line of the same key goes.
limited() { printf 'restrict,command="%s/easy_box/deploy/ssh-command.sh" %s' "$home" "$ci_key"; }
has_ci_key() {
  local file=$home/.ssh/authorized_keys
  grep -Fx "$(limited)" "$file" >/dev/null 2>&1 && ! grep -Fx "$ci_key" "$file" >/dev/null
}
add_ci_key() {
  local rest
  install --directory --mode 700 --owner "$user" --group "$user" "$home/.ssh"
  rest=$(grep -vF "$(cut -d ' ' -f 2 <<<"$ci_key")" "$home/.ssh/authorized_keys" 2>/dev/null || true)
  printf '%s\n' ${rest:+"$rest"} "$(limited)" >"$home/.ssh/authorized_keys"
  chown "$user:" "$home/.ssh/authorized_keys"
  chmod 600 "$home/.ssh/authorized_keys"
}
has_deploy_key() { [ -f "$home/.ssh/id_ed25519" ]; }
add_deploy_key() {
  install --directory --mode 700 --owner "$user" --group "$user" "$home/.ssh"
  as_user ssh-keygen -q -t ed25519 -N '' -C "$user@$(hostname), read only" -f "$home/.ssh/id_ed25519"
}
knows_github() { grep -F "$GITHUB_KEY" "$home/.ssh/known_hosts" >/dev/null 2>&1; }
# shellcheck disable=SC2016 # expanded there
add_github() { as_user sh -c 'printf "%s\n" "$1" >>"$HOME/.ssh/known_hosts"' - "$GITHUB_KEY"; }

# --- The project ---------------------------------------------------------------------------------------------------------
has_clone() { [ -d "$home/easy_box/.git" ]; }
clone() {
  as_user git clone --quiet --branch "$branch" "$repository" "$home/easy_box" && return
  if [ -f "$home/.ssh/id_ed25519.pub" ]; then
    printf '\n%s can not be read yet. Add this key to it as a deploy key (GitHub: Settings, Deploy keys, Add; without\n' "$repository"
    printf 'write access), then run this again:\n\n%s\n\n' "$(cat "$home/.ssh/id_ed25519.pub")"
  fi
  return 1
}
# Created now, since Docker would create them as root.
FOLDERS=(backups certs secrets)
has_folders() {
  local name
  for name in "${FOLDERS[@]}"; do [ -d "$home/easy_box/easy_box_backend/$name" ] || return 1; done
}
add_folders() { as_user mkdir -p "${FOLDERS[@]/#/$home/easy_box/easy_box_backend/}"; }

# --- The system ------------------------------------------------------------------------------------------------------------
# Docker's published ports bypass ufw; we publish only nginx's 80, 443, and 8000 for the app's oldest builds, which are
# open anyway.
has_rules() {
  local port
  for port in "$ssh_port" 80 443 8000; do ufw show added 2>/dev/null | grep -x "ufw allow $port/tcp" >/dev/null || return 1; done
}
add_rules() {
  local port
  for port in "$ssh_port" 80 443 8000; do ufw allow "$port/tcp" >/dev/null; done
}
firewall_is_on() { ufw status | grep -x 'Status: active' >/dev/null; }
firewall_on() { ufw --force enable >/dev/null; }

SSHD=/etc/ssh/sshd_config.d/10-easybox.conf
NO_PASSWORDS='PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password'
passwords_are_off() { [ "$(cat "$SSHD" 2>/dev/null)" = "$NO_PASSWORDS" ]; }
passwords_off() {
  local file found=
  for file in /root/.ssh/authorized_keys "$home/.ssh/authorized_keys"; do
    if grep -v '^restrict' "$file" 2>/dev/null | grep -E '(ssh|ecdsa)-' >/dev/null; then found=yes; fi
  done
  [ -n "$found" ] || fail "neither root nor $user has a person's SSH key: without passwords nobody could log in"
  mkdir -p "${SSHD%/*}"
  printf '%s\n' "$NO_PASSWORDS" >"$SSHD"
  ! command -v sshd >/dev/null || sshd -t || { rm -f "$SSHD" && return 1; }
  [ ! -d /run/systemd/system ] || systemctl reload ssh
}

AUTO=/etc/apt/apt.conf.d/20auto-upgrades
updates_are_on() { grep 'Unattended-Upgrade "1"' "$AUTO" >/dev/null 2>&1 && grep 'Update-Package-Lists "1"' "$AUTO" >/dev/null; }
updates_on() { printf 'APT::Periodic::Update-Package-Lists "1";\nAPT::Periodic::Unattended-Upgrade "1";\n' >"$AUTO"; }

has_swap_file() { [ "$swap" = 0 ] || grep -E '^[^#].*\sswap\s' /etc/fstab >/dev/null 2>&1 || [ -n "$(swapon --show --noheadings 2>/dev/null)" ]; }
add_swap_file() {
  fallocate --length "$swap" /swapfile && chmod 600 /swapfile && mkswap --quiet /swapfile || return 1
  printf '/swapfile none swap sw 0 0\n' >>/etc/fstab
}
swap_is_on() { [ "$swap" = 0 ] || [ -n "$(swapon --show --noheadings)" ]; }
swap_on() { swapon --all; }

has_clock() { installed systemd-timesyncd || installed chrony || installed ntpsec; }
add_clock() { install_packages systemd-timesyncd; }
clock_is_on() { timedatectl show --property NTP --value | grep -x yes >/dev/null; }
clock_on() { timedatectl set-ntp true; }

# --- All together ------------------------------------------------------------------------------------------------------------
main() {
  repository='' user=deploy branch=main swap=2G docker=auto ci_key='' passwords=keep keys=()
  # SSH_CONNECTION is "client port server port": the last one is the SSH port of this server.
  ssh_port=${SSH_CONNECTION:-22} ssh_port=${ssh_port##* }
  while [ $# -gt 0 ]; do
    [ $# -ge 2 ] || fail "$1 needs a value"
    case $1 in
      --repository) repository=$2 ;;
      --public-key) keys+=("$2") ;;
      --ci-key) ci_key=$2 ;;
      --ssh-passwords) passwords=$2 ;;
      --user) user=$2 ;;
      --branch) branch=$2 ;;
      --ssh-port) ssh_port=$2 ;;
      --swap) swap=$2 ;;
      --docker) docker=$2 ;;
      *) fail "unknown: $1" ;;
    esac
    shift 2
  done
  [ -n "$repository" ] || fail "--repository URL is missing"
  [[ $docker =~ ^(auto|docker|distribution)$ ]] || fail "--docker is auto, docker or distribution"
  [[ $passwords =~ ^(keep|off)$ ]] || fail "--ssh-passwords is keep or off"
  [ "$(id -u)" = 0 ] || fail "this needs root"
  command -v apt-get >/dev/null || fail "this needs Debian or Ubuntu"
  home=/home/$user
  [ "$user" != root ] || home=/root

  step "Tools: ${TOOLS[*]}" has_tools add_tools
  step "Docker Engine and Compose" has_docker add_docker
  step "Docker's settings" daemon_is_set set_daemon
  live_step "Docker runs, also after a reboot" docker_runs run_docker
  step "The user $user, who may use Docker" has_user add_user
  if [ ${#keys[@]} -gt 0 ]; then step "SSH keys for $user" has_keys add_keys; fi
  if [ -n "$ci_key" ]; then step "The workflow's key, which can only deploy" has_ci_key add_ci_key; fi
  if [[ $repository == *@*:* || $repository == ssh://* ]]; then
    step "An SSH key of $user, to read the repository" has_deploy_key add_deploy_key
    step "GitHub's host key" knows_github add_github
  fi
  step "The project in $home/easy_box" has_clone clone
  step "Folders for backups, certificates and secrets" has_folders add_folders
  step "Firewall rules: only $ssh_port, 80, 443 and 8000 are open" has_rules add_rules
  live_step "Firewall is on" firewall_is_on firewall_on
  if [ "$passwords" = off ]; then step "SSH by keys only" passwords_are_off passwords_off; fi
  step "Security updates install themselves" updates_are_on updates_on
  step "Swap: $swap" has_swap_file add_swap_file
  live_step "Swap is on" swap_is_on swap_on
  step "A time service" has_clock add_clock
  live_step "The clock is synchronised" clock_is_on clock_on

  printf "\nReady. Secrets of the workflow: SERVER_USER=%s SERVER_PORT=%s, and SERVER_HOST_KEY:\n" "$user" "$ssh_port"
  sed 's/^/  /' /etc/ssh/ssh_host_ed25519_key.pub 2>/dev/null || echo "  (this system has no SSH server)"
}

# bash reads the whole script before it runs main, because a command may read standard input, which may be this script.
main "$@" </dev/null
exit
