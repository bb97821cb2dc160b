#!/bin/sh
# Installs the real servers that the tests start themselves, from Debian's packages. Needs root.
set -eu
packages="ceph-common ceph-mon ceph-osd radosgw postgresql prometheus faketime strace podman runc"
# The docker client only: it is served by podman. Its package brings a daemon, which nobody starts.
command -v docker >/dev/null || packages="$packages docker.io"
for program in ceph-mon ceph-osd radosgw promtool initdb faketime strace podman runc docker; do
    found=$(command -v "$program" || ls /usr/lib/postgresql/*/bin/"$program" 2>/dev/null || true)
    [ -n "$found" ] || missing="${missing:-} $program"
done
[ -z "${missing:-}" ] && exit 0
echo "installing $packages (missing:$missing)"
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
apt-get update -qq
# shellcheck disable=SC2086 -- a list of words
apt-get install -y -qq --no-install-recommends $packages >/dev/null
