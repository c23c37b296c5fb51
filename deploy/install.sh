#!/bin/sh
# Installs the casino from an unpacked release archive: sudo ./install.sh --domain casino.example --operator olga
# It checks the program that lies beside it, and then runs 'imperio install' with the same flags ('--help' lists them).
set -eu

fail() {
  echo "install.sh: $1" >&2
  exit 1
}

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
program=$here/imperio
[ "$(uname -s)" = Linux ] || fail "this installs a service for Linux with systemd. On $(uname -s), run '$program serve' (DEPLOYMENT.md)"
if [ ! -f "$program" ]; then
  [ -f "$here/../go.mod" ] && fail "this is the source: run 'make build', then 'sudo bin/imperio install $*'"
  fail "the program is missing: there is no $program. Unpack the whole archive, and run the script in it"
fi
case " $* " in
  *' --dry-run '* | *' --help '* | *' -h '*) ;;
  *) [ "$(id -u)" -eq 0 ] || fail "installing needs root: run 'sudo $0 $*', or look first with --dry-run" ;;
esac

if [ -f "$here/SHA256SUMS" ]; then
  sums=$(grep -E '^[0-9a-f]{64} [ *](\./)?imperio$' "$here/SHA256SUMS") || fail "SHA256SUMS has no line for imperio: download the archive again"
  (cd "$here" && printf '%s\n' "$sums" | sha256sum -c - >/dev/null 2>&1) || fail "$program is not the program that SHA256SUMS names: download the archive again"
else
  echo "install.sh: there is no SHA256SUMS here, so the program was not checked" >&2
fi

[ -x "$program" ] || chmod 755 "$program"
"$program" version >/dev/null 2>&1 || fail "$program does not run on this machine ($(uname -m)): download the archive for its architecture. On a disk that is mounted noexec, unpack it elsewhere"
exec "$program" install "$@"
