#!/bin/sh
# Installs what the lab and the tests need of Debian and this machine lacks: scripts/install-debian-packages.sh [LIST] (root)
set -eu

list=${1:-$(dirname "$0")/../test/lab/debian-packages}
missing=$(while read -r package; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || printf '%s ' "$package"
done <"$list")
[ -n "$missing" ] || exit 0

echo "installing $missing"
apt-get update -qq
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
