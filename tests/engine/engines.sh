#!/bin/sh
# Fetches the Docker Engines that the tests run beside the one that is installed, without installing
# them: 26 is the one of Debian trixie, 28 the one of sid. Their packages come from the mirror that this
# machine's apt uses, with lists of their own, so nothing of the machine's own apt changes.
#
#   sh tests/engine/engines.sh      into target/tools/engines/VERSION/bin; silent when all are there
#
# They run with the libc and the runc of Debian 12: the runc of trixie and sid would need a newer libc.
# sid moves on, so what `28` holds is the version that it had; target/tools/engines/28/version names it.
set -eu
cd "$(dirname "$0")/../.."

ENGINES=$PWD/target/tools/engines
LOG=$ENGINES/log
KEYS=/usr/share/keyrings/debian-archive-keyring.gpg
PROGRAMS="usr/sbin/dockerd usr/sbin/docker-proxy usr/bin/containerd usr/bin/containerd-shim-runc-v2"
# The first engine that needs more than the runc of Debian 12, and the runc that it needs.
NEW_ENGINE=29
NEW_RUNC=1.2

main() {
    missing=
    for engine in 26:trixie 28:sid; do
        is_there "${engine%:*}" || missing="$missing $engine"
    done
    [ -n "$missing" ] || return 0
    for program in apt-get dpkg-deb; do
        command -v "$program" >/dev/null || fail "there is no $program here: they are taken from Debian's packages"
    done
    mkdir -p "$ENGINES"
    prepare_lists
    for engine in $missing; do
        fetch "${engine%:*}" "${engine#*:}"
    done
    rm -rf "$ENGINES/apt" "$LOG"
}

say() { echo "engines: $*"; }

fail() {
    echo "engines: error: $*" >&2
    exit 1
}

# Runs a command with its output in the log, and shows the end of that if it fails.
quietly() {
    "$@" >"$LOG" 2>&1 </dev/null && return 0
    tail -n 10 "$LOG" >&2
    return 1
}

is_there() { [ -s "$ENGINES/$1/version" ] && "$ENGINES/$1/bin/dockerd" --version >/dev/null 2>&1; }

# apt-get with sources, lists and a cache of its own. What the machine's apt knows of proxies still holds.
apt() {
    apt-get -q -o Acquire::Retries=3 -o APT::Sandbox::User=root \
        -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$ENGINES/apt/sources.list.d" \
        -o Dir::State::lists="$ENGINES/apt/lists" -o Dir::Cache="$ENGINES/apt/cache" "$@"
}

prepare_lists() {
    mirror=$(find_mirror)
    [ -n "$mirror" ] || fail "no mirror of Debian among the sources of this machine's apt"
    mkdir -p "$ENGINES/apt/sources.list.d" "$ENGINES/apt/lists/partial" "$ENGINES/apt/cache/archives/partial"
    for engine in $missing; do
        signed=
        [ ! -e "$KEYS" ] || signed="[signed-by=$KEYS]"
        echo "deb $signed $mirror ${engine#*:} main" >"$ENGINES/apt/sources.list.d/${engine#*:}.list"
    done
    quietly apt update || fail "the mirror of this machine's apt has no lists for$missing"
}

# apt itself says what it would fetch for its sources, whichever of the two formats they are written in.
# Its lists know which of them are Debian's; without lists, the name has to say it.
find_mirror() {
    {
        apt-get indextargets --format '$(ORIGIN) $(RELEASE) $(SITE)' 'Identifier: Packages'
        apt-get update --print-uris | sed -nE "s,^'(.*/debian)/dists/([^/']*)/InRelease'.*,Debian \2 \1,p"
    } 2>/dev/null | awk '$1 == "Debian" && $2 !~ /-/ { print $NF; exit }'
}

# fetch NAME SUITE
fetch() {
    version=$(apt-cache -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$ENGINES/apt/sources.list.d" \
        -o Dir::State::lists="$ENGINES/apt/lists" -o Dir::Cache="$ENGINES/apt/cache" -o Dir::State::status=/dev/null \
        madison docker.io 2>/dev/null | awk -F ' *[|] *' -v suite="$2" '$3 ~ "[ /]" suite "/" { print $2; exit }')
    [ -n "$version" ] || fail "Debian $2 has no package docker.io for this machine; run the tests with SKIP_TESTS=engine"
    say "fetching Docker Engine $version of Debian $2 into target/tools/engines/$1"
    folder=$ENGINES/$1.new
    rm -rf "$folder"
    mkdir -p "$folder/bin" "$folder/packages"
    (cd "$folder/packages" && quietly apt download "docker.io/$2" "containerd/$2") ||
        fail "could not download docker.io and containerd of Debian $2"
    for package in "$folder"/packages/*.deb; do
        dpkg-deb --extract "$package" "$folder/packages"
    done
    for program in $PROGRAMS; do
        mv "$folder/packages/$program" "$folder/bin/" || fail "$program is not in the packages of Debian $2"
    done
    rm -rf "$folder/packages"
    quietly "$folder/bin/dockerd" --version || fail "Docker Engine $version does not run on this machine"
    check_runc "$1" "$version"
    echo "$version" >"$folder/version"
    rm -rf "${ENGINES:?}/$1"
    mv "$folder" "$ENGINES/$1"
}

# check_runc NAME VERSION
check_runc() {
    major=${2#*:}
    major=${major%%.*}
    [ "$major" = "$1" ] || say "note: the newest of that Debian is not $1 any more; the tests of $1 run on $2"
    [ "$major" -ge "$NEW_ENGINE" ] || return 0
    runc=$(PATH="$PATH:/usr/sbin:/sbin" runc --version 2>/dev/null | awk 'NR == 1 { print $3 }')
    [ "$(printf '%s\n' "$NEW_RUNC" "${runc:-0}" | sort -V | head -n 1)" = "$NEW_RUNC" ] ||
        say "warning: Docker Engine $2 needs runc $NEW_RUNC or newer and cannot run plugins with ${runc:-none}, which is here"
}

main
