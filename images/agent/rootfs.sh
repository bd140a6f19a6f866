#!/bin/sh
# Unpacks the agent's Debian packages: images/agent/rootfs.sh ARCH WORK fills WORK/root.
#
# Needs apt, dpkg-deb and GNU tar, but neither root nor an emulator: no maintainer script runs, so one machine makes the tree
# of every architecture. The packages come from the machine's own Debian sources (or those in NETDOCTOR_APT_SOURCES, in
# sources.list form), in the release named here, so that the machine's own release does not matter.
set -eu
umask 022

release=trixie
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

arch=$1
mkdir -p "$2"
work=$(cd "$2" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
root=$work/root
state=$work/apt

without_comments() { sed 's/#.*//; /^ *$/d' "$1"; }

fail() {
  echo "rootfs.sh: $*" >&2
  exit 1
}

# an apt of its own: nothing installed, nothing configured, the architecture asked for
apt() {
  tool=$1
  shift
  "apt-$tool" -qq \
    -o APT::Architecture="$arch" -o APT::Architectures="$arch" -o APT::Sandbox::User="$(id -un)" \
    -o Dir::State="$state" -o Dir::State::status="$state/status" -o Dir::Cache="$state" \
    -o Dir::Etc::sourcelist="$state/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
    -o Acquire::Languages=none -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false \
    "$@"
}

write_sources() {
  mkdir -p "$state/lists/partial" "$state/archives/partial" "$state/empty/partial"
  : >"$state/status"
  if [ -n "${NETDOCTOR_APT_SOURCES:-}" ]; then
    cp "$NETDOCTOR_APT_SOURCES" "$state/sources.list"
    return
  fi
  # shellcheck disable=SC2016 # the $(…) are apt's placeholders
  apt-get indextargets --format "deb [signed-by=$keyring]"' $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 'Origin: Debian' |
    sed -nE "s/ [a-z]+(-security|-updates)? main\$/ $release\1 main/p" | sort -u >"$state/sources.list"
  [ -s "$state/sources.list" ] || fail 'no Debian sources known here; run apt-get update, or name a sources.list in NETDOCTOR_APT_SOURCES'
}

# apt names only what is not yet downloaded, so the list is asked for with an empty archive folder
download() {
  apt get update
  # shellcheck disable=SC2046 # one word per package
  set -- install --yes --no-install-recommends $(without_comments "$here/packages")
  apt get -o Dir::Cache::archives="$state/empty" "$@" --print-uris | cut -d ' ' -f 2 | sort >"$work/closure"
  apt get "$@" --download-only
}

left_out() {
  for pattern in $(without_comments "$here/left-out"); do
    # shellcheck disable=SC2254 # it is a pattern
    case $1 in $pattern) return 0 ;; esac
  done
  return 1
}

# dpkg's status of each package stays in the image: it names what is inside, for people and for vulnerability scanners
unpack() {
  dpkg-deb --fsys-tarfile "$1" | tar -x -C "$root" --keep-directory-symlink --no-same-owner --preserve-permissions \
    --exclude='./usr/share/man/*' --exclude='./usr/share/locale/*' --exclude='./usr/share/info/*' --exclude='./usr/share/lintian/*' \
    --exclude='./usr/share/bash-completion/*' --exclude='./usr/lib/systemd/*' --exclude='./etc/init.d/*' --exclude='./usr/lib/*/gconv/*' \
    --exclude='./usr/share/openvswitch/*' --exclude='./usr/share/ovn/*'
  dpkg-deb --ctrl-tarfile "$1" | tar -xO ./control >"$root/var/lib/dpkg/status.d/$2"
}

unpack_all() {
  chmod -R u+w "$root" 2>/dev/null || :
  rm -rf "$root"
  mkdir -p "$root/var/lib/dpkg/status.d"
  for directory in bin sbin lib lib64; do
    mkdir -p "$root/usr/$directory"
    ln -s "usr/$directory" "$root/$directory"
  done
  while read -r file; do
    package=${file%%_*}
    left_out "$package" || unpack "$state/archives/$file" "$package"
  done <"$work/closure"
}

# documents go, licences stay
drop_documents() {
  find "$root/usr/share/doc" -type f ! -name copyright -delete
  find "$root/usr/share/doc" -depth -type d -empty -delete
}

# daemons and programs that need a package left out, as an agent never runs them; bash and Python are not inside
drop_programs() {
  for program in arpd su runuser chsh chfn newgrp ovs-vswitchd ovsdb-server ovn-controller ovn-controller-vtep ovn-ic ovn-northd; do
    find "$root/usr" -type f -name "$program" -delete
  done
  grep -rlIE '^#! ?/(usr/)?bin/(env )?(bash|python3)' "$root/usr/bin" "$root/usr/sbin" | xargs rm
  find "$root/usr/bin" "$root/usr/sbin" -xtype l -delete
  rm -r "$root/etc/network"
}

# what maintainer scripts would have done
finish() {
  for program in "$root"/usr/sbin/ip*tables-nft "$root"/usr/sbin/ip*tables-nft-* "$root"/usr/sbin/ebtables-nft*; do
    name=${program##*/}
    ln -sf "$name" "$root/usr/sbin/$(echo "$name" | sed 's/-nft//')"
  done
  ln -sf mawk "$root/usr/bin/awk"
  mkdir -p "$root/etc" "$root/root" "$root/run" "$root/tmp" "$root/proc" "$root/sys" "$root/dev"
  # tcpdump gives up root for a user of its name and refuses to start where there is none; here that user is root
  printf '%s:x:0:0:root:/root:/bin/sh\n' root tcpdump >"$root/etc/passwd"
  echo 'root:x:0:' >"$root/etc/group"
  chmod 1777 "$root/tmp"
}

write_sources
download
unpack_all
drop_documents
drop_programs
finish
