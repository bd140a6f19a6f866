/**
 * The prober: sends every attempt of every job at the same time and prints one line per result (see probe-lines.ts).
 * $1 cookie (hex), $2 seconds between attempts, then one job per argument, fields apart by blanks, as probe-plan.ts writes them:
 *   number kind family netns destination port count timeout-ms first-source-port block request-index ping-size before after whole
 * `netns` is `-` (stay here) or a pid. `before` and `after` are printf escapes (`\156\144`, or `-`): the payload is before, one byte for the
 * attempt, after; for DNS the byte is the low byte of the query's id.
 *
 * socat's own log has the time of each step (-lu, microseconds), taken in one process around connect(2), so fork and exec are not in the
 * round trip. Its connect-timeout option would hide the `successfully connected` line, so timeout(1) ends a connect that hangs.
 * A TCP probe waits for its second SYN: an ICMP error that comes back while connect(2) still holds the socket, as one does from the sender's
 * own node (kube-proxy's REJECT for a Service without endpoints), is dropped (TcpExtLockDroppedIcmps); the one after a second is not.
 * A UDP probe talks to a shell that ends at the first byte of a reply, so that socat ends then too and not after its timeout.
 * Lines stay below PIPE_BUF (4096), thus whole: all attempts write to one pipe.
 */
export const PROBE_SCRIPT = String.raw`
set -f
LC_ALL=C
export LC_ALL
newline='
'
tab=$(printf '\t')

have() { command -v "$1" >/dev/null 2>&1; }

# True when there is an nc that can connect and leave; busybox may be built without -z.
knocks() {
  have nc || return 1
  case $(nc -z 2>&1 </dev/null) in *'invalid option'* | *'unrecognized option'*) return 1 ;; esac
}

# $1 milliseconds; busybox of old knows whole seconds only.
seconds() {
  if [ "$fraction" = yes ]; then printf '%d.%03d' $(($1 / 1000)) $(($1 % 1000)); else printf '%d' $((($1 + 999) / 1000)); fi
}

# Runs a program in the job's network namespace, killed after $1 seconds. Standard input is ours, never the script.
within() {
  limit=$1
  shift
  if [ "$netns" = - ]; then
    timeout -s KILL "$limit" "$@" </dev/null 2>&1
  else
    nsenter -t "$netns" -n timeout -s KILL "$limit" "$@" </dev/null 2>&1
  fi
}

# One attempt from $port, with what the node has. Prints the tool's messages.
connect() {
  case $kind-$tool in
    tcp-socat) within "$syn_limit" socat -d -d -lu -u /dev/null "TCP$family:$target:$dport,sourceport=$port" ;;
    sctp-socat) within "$wait_limit" socat -d -d -lu -u /dev/null "SCTP$family:$target:$dport,sourceport=$port" ;;
    udp-socat | dns-socat)
      [ "$kind" = udp ] && octet=$n || octet=$((port % 256))
      ND="printf '$before$(printf '\\%03o' "$octet")$after'; exec head -c 1 >/dev/null"
      export ND
      within "$late_limit" socat -lu -x -t 0.01 -T "$wait_limit" SYSTEM:'eval $ND' "UDP$family:$target:$dport,sourceport=$port" ;;
    tcp-bash) within "$syn_limit" bash -c 'exec 3<>"/dev/tcp/$0/$1" && echo connected' "$plain" "$dport" ;;
    tcp-nc) within "$late_limit" nc -z -w "$(((wait_ms + 999) / 1000))" "$plain" "$dport" && echo connected ;;
  esac
}

attempt() {
  port=$((block + (first - block + n) % 256))
  again=0
  while :; do
    text=$(connect)
    code=$?
    case $text in
      *'Address already in use'* | *'Cannot assign requested address'*)
        again=$((again + 1))
        [ "$again" -gt 6 ] && break
        port=$((block + (port - block + 61) % 256))
        ;;
      *'opening connection'*) break ;;
      *)
        # Killed before it began: the node is short of CPU, which says nothing of the network.
        [ "$kind-$tool-$code" = tcp-socat-137 ] && [ "$again" -lt 3 ] || break
        again=$((again + 1))
        ;;
    esac
  done
  case $tool in bash | nc) port=- ;; esac
  # Lines become tabs, without a process for it: there may be hundreds of attempts.
  IFS=$newline
  set -- $text
  IFS=$tab
  printf '@ndp a %s %s %s %s %.3600s\n' "$job" "$n" "$port" "$code" "$*"
}

# iputils sends all attempts of a job itself; the pattern puts the cookie behind its time stamp.
echoes() {
  case $pinger in
    iputils)
      fragment=
      [ "$whole" = do ] && fragment='-M do'
      # shellcheck disable=SC2086
      within "$(seconds $((wait_ms + 1000 + count * gap_ms)))" ping "-$family" -n $fragment -c "$count" -i "$gap" -W "$wait_limit" -s "$size" -p "$cookie$(printf '%02x' "$index")6e6470" "$plain"
      # what this kernel was told of smaller links: not every ping says why a packet is too large for it
      [ "$whole" = do ] && within 2 ip -o route get "$plain" 2>/dev/null | sed -nE 's/.* (mtu [0-9]+).*/learnt \1/p' ;;
    busybox) within "$(seconds $((wait_ms + 1000 + count * 1000)))" ping "-$family" -c "$count" -W "$(((wait_ms + 999) / 1000))" -s "$size" "$plain" ;;
  esac | while IFS= read -r line; do
    printf '@ndp i %s %.200s\n' "$job" "$line"
  done
}

probe() {
  job=$1 kind=$2 family=$3 netns=$4 plain=$5 dport=$6 count=$7 wait_ms=$8
  shift 8
  first=$1 block=$2 index=$3 size=$4 before=$5 after=$6 whole=$7
  [ "$after" = - ] && after=
  syn_ms=$wait_ms
  [ "$syn_ms" -lt 1000 ] && syn_ms=1000
  syn_limit=$(seconds $((syn_ms + 250)))
  wait_limit=$(seconds "$wait_ms")
  late_limit=$(seconds $((wait_ms + 1000)))
  target=$plain
  [ "$family" = 6 ] && target="[$plain]"
  if [ "$netns" != - ] && ! [ -e "/proc/$netns/ns/net" ]; then
    echo "@ndp notrun $job process $netns is gone"
    return
  fi
  case $kind in
    icmp)
      if [ "$pinger" = none ]; then
        echo "@ndp notrun $job no ping on this node"
      elif [ "$pinger-$whole" = busybox-do ]; then
        echo "@ndp notrun $job the ping on this node cannot forbid fragmentation"
      else
        echoes
      fi
      return
      ;;
    tcp) if [ "$tool" = none ]; then echo "@ndp notrun $job no socat, bash or nc on this node"; return; fi ;;
    *) if [ "$tool" != socat ]; then echo "@ndp notrun $job no socat on this node"; return; fi ;;
  esac
  n=0
  while [ "$n" -lt "$count" ]; do
    attempt &
    n=$((n + 1))
    # Where only whole seconds are known the attempts go out together.
    [ "$n" -lt "$count" ] && [ "$fraction" = yes ] && sleep "$gap"
  done
  wait
}

main() {
  cookie=$1 gap_ms=$2
  shift 2
  if ! have timeout; then echo '@ndp notrun * no timeout(1) on this node'; return; fi
  fraction=no
  timeout 0.5 true 2>/dev/null && fraction=yes
  tool=none
  if have socat; then tool=socat; elif have bash; then tool=bash; elif knocks; then tool=nc; fi
  pinger=none
  if have ping; then
    case $(ping -V 2>&1 </dev/null) in *iputils*) pinger=iputils ;; *) pinger=busybox ;; esac
  fi
  gap=$(seconds "$gap_ms")
  echo "@ndp session $cookie $tool $pinger"
  for line in "$@"; do
    printf '@ndp job %s\n' "$line"
    # shellcheck disable=SC2086
    probe $line &
  done
  wait
  echo '@ndp done'
}

main "$@"
exit
`;
