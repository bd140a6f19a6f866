import { sh } from './sh.ts';

/**
 * How a section travels. Its end is a line that holds this run's random mark, so no content can look like it:
 *
 *     @MARK begin NAME NETNS TOOL      NETNS: inode or `-`; TOOL: `image` or `node`, whose program it was
 *     …stdout, cut at $ND_LIMIT bytes…
 *     @MARK end RC                     exit status, or `missing` (no such tool), or `absent` (the kernel has no such thing, or there is nothing of it)
 *     …stderr…
 *     @MARK close
 *
 * Tools are sought by absolute path, the image's before the node's: a busybox `timeout ip` would run busybox's own `ip`.
 */
export const frame = sh`
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin
LC_ALL=C
export PATH LC_ALL
exec 4>&1
node_root=/proc/1/root

open_section() {
  printf '@%s begin %s %s %s\n' "$ND_MARK" "$1" "\${ND_NETNS:--}" "$2"
}

close_section() {
  printf '\n@%s end %s\n%s\n@%s close\n' "$ND_MARK" "$1" "$2" "$ND_MARK"
}

# $1: text of a section made by ourselves. $2: its name
put_section() {
  open_section "$2" image
  printf '%s\n' "$1"
  close_section 0 ''
}

# NAME COMMAND...: for what only reads /proc, which neither hangs nor grows without bounds
quick_section() {
  open_section "$1" image
  shift
  "$@" 2>/dev/null
  close_section "$?" ''
}

# NAME, then words that say why
skip_section() {
  open_section "$1" image
  shift
  reason=$1
  shift
  close_section "$reason" "$*"
}

# Sets $tool to the words that run program $1 and $by to whose program it is.
find_tool() {
  by=image
  case " $ND_POOR " in *" $1 "*) ;; *) find_image_tool "$1" && return 0 ;; esac
  [ "$ND_REACH" = node ] || return 1
  by=node
  for dir in /usr/local/sbin /usr/sbin /sbin /usr/local/bin /usr/bin /bin; do
    # a link is as good: an absolute one cannot be followed from outside that root
    if [ -x "$node_root$dir/$1" ] || [ -h "$node_root$dir/$1" ]; then
      tool="chroot $node_root $dir/$1"
      return 0
    fi
  done
  return 1
}

find_image_tool() {
  for dir in /usr/local/sbin /usr/sbin /sbin /usr/local/bin /usr/bin /bin; do
    if [ -x "$dir/$1" ]; then
      tool=$dir/$1
      return 0
    fi
  done
  return 1
}

# Whether the image's ip is iproute2 that knows JSON; where it is busybox's or too old, the node's own may be better.
choose_iproute() {
  ND_DETAIL='-s -s -d'
  ND_JSON=-j
  find_tool ip && case $($tool -j link show lo 2>/dev/null) in '['*) return ;; esac
  ND_POOR='ip bridge tc ss'
  find_tool ip && case $($tool -j link show lo 2>/dev/null) in '['*) return ;; esac
  ND_POOR=
  ND_JSON=
  find_tool ip && case $($tool -V 2>/dev/null) in *iproute2*) return ;; esac
  ND_DETAIL=
}

# NAME PROGRAM ARGS...: the program's output as a section
section() {
  name=$1
  program=$2
  shift 2
  if find_tool "$program"; then
    run_section "$name" "$@"
  else
    skip_section "$name" missing "no $program in the image or on the node"
  fi
}

# COMMAND...: ended when it takes too long. busybox's timeout leaves a watcher behind for a second that keeps what it inherits open,
# and with it the pipe to whoever waits for our end.
guarded() {
  # shellcheck disable=SC2086
  $ND_GUARD "$@" 3>&- 4>&-
}

# NAME ARGS...: runs $tool. The exit status and stderr come back through fd 3, stdout goes out through fd 4 as it is made.
run_section() {
  open_section "$1" "$by"
  shift
  # $tool is a list of words
  # shellcheck disable=SC2086
  report=$({ { guarded $tool "$@" 2>&3; printf '\nrc=%s' "$?" >&3; } | head -c "$ND_LIMIT" >&4; } 3>&1)
  close_section "\${report##*rc=}" "\${report%rc=*}"
}

# Whether using module $1 would not load it: it is there already, or this kernel loads none.
has_module() {
  [ -e /proc/modules ] || return 0
  grep -q "^$1 " /proc/modules && return 0
  builtin_list=$node_root/lib/modules/$(uname -r)/modules.builtin
  if [ -r "$builtin_list" ]; then
    grep -q "/$1\\.ko" "$builtin_list"
  else
    grep -q " $2\$" /proc/kallsyms
  fi
}
`;
