#!/bin/sh
# setup.sh [checks|servers] - installs the Debian packages weir is built and tested with; with "checks" also what
# `make check` and `make fuzz` need, with "servers" those of the servers that tests start: PostgreSQL, and Java and Maven for Kafka
# (none is started here).
# Does nothing (and asks for nothing) when all are present. Needs root or sudo only when one is missing.
set -eu
packages="gcc libc6-dev make python3 python3-dev python3-venv libedit-dev libzstd-dev liblz4-dev zlib1g-dev libbrotli-dev libpcre2-dev
libutf8proc-dev libxxhash-dev liblmdb-dev libsqlite3-dev librdkafka-dev
libcurl4-openssl-dev libpq-dev tzdata"
[ "${1:-}" != checks ] || packages="$packages clang clang-format libclang-rt-dev ccache"
[ "${1:-}" != servers ] || packages="$packages postgresql openjdk-17-jre-headless maven"

missing() {
    # A package unknown to dpkg is absent from the output, hence the comparison by name.
    # shellcheck disable=SC2086
    present=$(dpkg-query -W -f '${db:Status-Abbrev}${Package} ' $packages 2>/dev/null || true)
    for package in $packages; do
        case " $present" in
        *" $package "* | *"ii $package "*) ;;
        *) printf '%s ' "$package" ;;
        esac
    done
}

if ! command -v dpkg-query >/dev/null 2>&1; then
    echo "setup: not a Debian system; install the equivalents of: $packages" >&2
    exit 0
fi
wanted=$(missing)
[ -n "$wanted" ] || exit 0

as_root=""
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null 2>&1 || {
        echo "setup: run as root: apt-get install $wanted" >&2
        exit 1
    }
    as_root="sudo"
fi
echo "setup: installing $wanted"
export DEBIAN_FRONTEND=noninteractive
if [ "${1:-}" = servers ] && [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    # The package would make a database of its own and start it.
    $as_root mkdir -p /etc/postgresql-common
    echo "create_main_cluster = false" | $as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
fi
# shellcheck disable=SC2086
$as_root apt-get install -y --no-install-recommends $wanted >/dev/null 2>&1 || {
    $as_root apt-get update
    $as_root apt-get install -y --no-install-recommends $wanted
}
