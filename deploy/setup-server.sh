#!/usr/bin/env bash
# shellcheck disable=SC2034 # used in setup/
# Prepares a bare Debian or Ubuntu for deploys. Runs as root. This script and its parts are sent to the server by SSH:
#
#   cat deploy/setup/*.sh deploy/setup-server.sh |
#     ssh root@SERVER 'bash -s -- --repository git@github.com:OWNER/easy_box.git --ci-key "ssh-ed25519 AAAA… ci"'
#
#   --repository URL      the repository to clone into ~/easy_box of the deploy user
#   --ci-key KEY          the public key for the workflow's SSH_PRIVATE_KEY: it can deploy, and opens no shell
#   --public-key KEY      a person's public key for the deploy user; may be given several times
#   --ssh-passwords off   nobody can log in by a password any more; needs a key of root or of the deploy user (keep)
#   --user NAME           the deploy user (deploy)
#   --branch NAME         the branch to clone (main)
#   --ssh-port NUMBER     the SSH port that the firewall leaves open (that of this connection, or else 22)
#   --swap SIZE           the size of the swap file; 0: none (2G)
#   --docker SOURCE       docker: Docker's own packages; distribution: those of Debian or Ubuntu; auto: Docker's, or the
#                         distribution's if Docker's can't be reached (auto)
#
# Defaults are in parentheses.
#
# Each step prints "already so" or "done". Called again, it changes only what is missing. Steps that need systemd are
# skipped, with a message, in a container or chroot.
set -euo pipefail

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

# As `step`, for steps that need systemd and a kernel of their own.
live_step() {
  if [ -d /run/systemd/system ]; then
    step "$@"
  else
    row "skipped" "$1: no systemd here (a container or chroot)"
  fi
}

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
  declare -F add_docker add_user add_rules >/dev/null || fail "its parts are missing: cat deploy/setup/*.sh deploy/setup-server.sh | ssh …"
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
