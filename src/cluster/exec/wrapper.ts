/**
 * What runs on the far side of an exec. Only constants are part of the command line; arguments, script and input travel on stdin, in this
 * order, so that neither the length of a URL nor a proxy's or audit log's view of it matters:
 *
 *     argument, one per line … script … END line … input bytes
 */

/**
 * $1 seconds, then the command. Every spelling of timeout(1) there is: coreutils and new busybox, busybox before 1.34 (no -k), before 1.30 (-t).
 * Closing the connection does not end the command (the kubelet lets it run), so the limit has to be on this side.
 */
const LIMIT = `
if timeout -k 1 1 true 2>/dev/null; then set -- timeout -k 1 "$@"
elif timeout 1 true 2>/dev/null; then set -- timeout -s KILL "$@"
elif timeout -t 1 true 2>/dev/null; then seconds=$1; shift; set -- timeout -s KILL -t "$seconds" "$@"
else shift; fi
exec "$@"`;

/**
 * $1 number of arguments, $2 the END line, $3 bytes of input.
 * The shell's own read takes one byte at a time from a pipe and so never takes what the script wants to read (head and dd of some busybox do).
 * A script that did not arrive whole is not run. Without input the script reads /dev/null; with it, head ends the input where servers
 * that speak v4.channel.k8s.io cannot.
 */
const RECEIVE = String.raw`
count=$1 end=$2 more=$3
shift 3
while [ "$count" -gt 0 ]; do
  IFS= read -r line || exit 125
  set -- "$@" "$line"
  count=$((count - 1))
done
script=$(
  while IFS= read -r line && [ "$line" != "$end" ]; do printf '%s\n' "$line"; done
  [ "$line" = "$end" ]
) || exit 125
if [ "$more" -eq 0 ]; then eval "$script" </dev/null; else head -c "$more" | eval "$script"; fi`;

export interface Remote {
  /** argv of the exec. */
  command: string[];
  stdin: Buffer;
}

/**
 * @param limitMs after which the far side kills it
 * @param end a line that the script does not contain
 */
export const wrap = (script: string, args: string[], input: Buffer, limitMs: number, end: string): Remote => {
  const broken = args.find((arg) => /[\n\0]/.test(arg));
  if (broken !== undefined) throw new Error(`an argument holds a line break: ${JSON.stringify(broken)}`);
  const lines = [...args, script, end].map((line) => `${line}\n`).join('');
  const seconds = String(Math.max(1, Math.ceil(limitMs / 1000)));
  return {
    command: ['sh', '-c', LIMIT, 'netdoctor', seconds, 'sh', '-c', RECEIVE, 'netdoctor', String(args.length), end, String(input.length)],
    stdin: Buffer.concat([Buffer.from(lines), input]),
  };
};
