#!/bin/sh
# One command per connection: a pid whose namespaces it is run in (0: where we are), the number of words, the words in base64, one per line;
# then the command's own input. Back come its output and, last, its exit code and what it said on stderr.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
IFS= read -r pid
IFS= read -r words
while [ "$words" -gt 0 ]; do
  IFS= read -r word
  set -- "$@" "$(printf '%s' "$word" | base64 -d)"
  words=$((words - 1))
done
errors=$(mktemp /tmp/guest.XXXXXX)
if [ "$pid" != 0 ]; then set -- nsenter -t "$pid" -m -n -p -u -- "$@"; fi
"$@" 2>"$errors"
code=$?
printf '\n@guest %s %s\n' "$code" "$(wc -c <"$errors")"
cat "$errors"
rm -f "$errors"
