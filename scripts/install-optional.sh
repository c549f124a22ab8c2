#!/bin/sh
# Installs programs that some tests try the real thing with and that npm does not bring. Nothing depends on them: where
# one is missing its tests are skipped, and say so. Never fails a build; says loudly what could not be had.
#
#     scripts/install-optional.sh prometheus postgresql chromium
set -u

purpose() {
  case $1 in
    prometheus) echo "prometheus and promtool: the rules and the dashboard in examples/dashboards (test/services/Dashboards.test.ts)" ;;
    postgresql) echo "a PostgreSQL server that tests start themselves: the durable cluster" ;;
    chromium) echo "a browser without a window: the HTML waterfall" ;;
    *) return 1 ;;
  esac
}

have() {
  case $1 in
    prometheus) command -v prometheus && command -v promtool ;;
    postgresql) command -v postgres || ls /usr/lib/postgresql/*/bin/postgres ;;
    chromium) command -v chromium || command -v chromium-browser || command -v google-chrome ;;
  esac > /dev/null 2>&1
}

loud() { printf '\n!! %s\n\n' "$*" >&2; }

for name in "$@"; do
  purpose "$name" > /dev/null || { echo "unknown name $name: expected prometheus, postgresql or chromium" >&2; exit 2; }
done

wanted=
for name in "$@"; do
  if have "$name"; then echo "have     $(purpose "$name")"; else wanted="$wanted $name"; fi
done
[ -n "$wanted" ] || exit 0

root=
if [ "$(id -u)" -ne 0 ]; then
  if sudo -n true 2> /dev/null; then root="sudo -n"; else
    loud "not installed:$wanted: neither root nor sudo without a password. Their tests are skipped."
    exit 0
  fi
fi
if ! command -v apt-get > /dev/null; then
  loud "not installed:$wanted: no apt-get here. Their tests are skipped."
  exit 0
fi

# Debian starts what it installs. Nothing that we leave behind may listen on a port: a policy forbids the start while we
# install, and what was enabled for the next boot is disabled again.
policy=/usr/sbin/policy-rc.d
ours=
forbid() {
  [ -e "$policy" ] && return
  printf '#!/bin/sh\nexit 101\n' | $root tee "$policy" > /dev/null && $root chmod 755 "$policy" && ours=yes
}
allow() {
  [ -z "$ours" ] || $root rm -f "$policy"
  ours=
}
trap allow EXIT
trap 'exit 130' INT TERM

apt() {
  $root env DEBIAN_FRONTEND=noninteractive timeout 300 apt-get -q -y \
    -o Acquire::Retries=1 -o Acquire::http::Timeout=20 -o DPkg::Lock::Timeout=120 "$@" > "$log" 2>&1
}
units() { systemctl list-unit-files --type=service --state=enabled --no-legend 2> /dev/null | awk '{ print $1 }' | sort; }

log=$(mktemp)
before=$(mktemp)
after=$(mktemp)
units > "$before"
if ! forbid; then
  loud "not installed:$wanted: services could not be kept from starting. Their tests are skipped."
  exit 0
fi
apt update || echo "apt-get update failed; trying with the lists that there are" >&2
for name in $wanted; do
  echo "install  $(purpose "$name")"
  # Recommended packages bring services of their own.
  if apt install --no-install-recommends "$name" && have "$name"; then continue; fi
  tail -n 3 "$log" >&2
  loud "not installed: $name. Its tests are skipped."
done
units > "$after"
for unit in $(comm -13 "$before" "$after"); do
  echo "disable  $unit"
  $root systemctl disable "$unit" > /dev/null 2>&1 || loud "$unit is enabled and could not be disabled"
  # A policy that was there before may have let it start; without systemd at work there is nothing to stop.
  $root systemctl stop "$unit" > /dev/null 2>&1 || true
done
rm -f "$log" "$before" "$after"
exit 0
