#!/bin/sh
# Builds the agent image without Docker or root: scripts/build-image.sh [amd64|arm64]… → build/agent-image-ARCH.tar
# Without words it builds for this machine.
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)
node=$here/node_modules/.bin/node
[ -x "$node" ] || { echo 'build-image.sh: no pinned Node here; run npm ci' >&2; exit 1; }
[ $# -gt 0 ] || set -- "$(dpkg --print-architecture)"

for arch in "$@"; do
  work=$here/build/agent-image-$arch
  "$here/images/agent/rootfs.sh" "$arch" "$work"
  "$node" "$here/scripts/oci-archive.ts" "$work/root" "$arch" "$here/build/agent-image-$arch.tar"
done
