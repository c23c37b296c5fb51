#!/bin/sh
# Makes a small Debian with systemd in the directory $1, for the tests of this package. It uses the mirror and the suite of
# the machine that it runs on. The directory appears when it is complete. Where something is missing, the script says so,
# and the tests skip; with CI=true it fails.
set -eu
directory=$1
PATH="$PATH:/usr/sbin:/sbin"

lack() {
  echo "no Debian for the tests: $1" >&2
  [ "${CI:-}" = true ] && exit 1
  exit 0
}
[ "$(id -u)" -eq 0 ] || lack "debootstrap needs root"
for program in debootstrap systemd-nspawn; do
  command -v "$program" >/dev/null || lack "$program is missing: install the packages debootstrap and systemd-container"
done

# base-files comes from the distribution itself, and from no other source that the machine may have.
source_of_base() {
  apt-cache policy base-files | awk '$2 ~ /^(https?|file|mirror\+file):/ && $3 ~ /\/main$/ { sub("/main", "", $3); print $2, $3; exit }'
}
from=$(source_of_base)
if [ -z "$from" ]; then
  apt-get update -q >&2
  from=$(source_of_base)
fi
[ -n "$from" ] || lack "apt knows no source of the package base-files"
mirror=${from% *} suite=${from#* }
suite=${suite%-updates}
suite=${suite%-security}
case $mirror in mirror+file:*) mirror=$(awk '{ print $1; exit }' "${mirror#mirror+file:}") ;; esac
proxy=$(apt-config shell proxy Acquire::http::Proxy)
eval "$proxy"
if [ -n "${proxy:-}" ]; then export http_proxy="$proxy"; fi

echo "== debootstrap $suite, for the tests in a real Debian"
mkdir -p "$(dirname "$directory")"
rm -rf "$directory.part"
debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,iproute2,curl,ca-certificates "$suite" "$directory.part" "$mirror" >"$directory.log" 2>&1 || {
  tail -n 20 "$directory.log" >&2
  echo "debootstrap failed; all it said is in $directory.log" >&2
  exit 1
}
rm -rf "$directory.part"/var/cache/apt/archives/*.deb "$directory.part"/var/lib/apt/lists/*
mv "$directory.part" "$directory"
