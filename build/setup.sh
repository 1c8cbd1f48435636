#!/bin/sh
# Brings this machine to where building (`build`), building and the demo in an engine (`demo`), or
# testing (`test`) work; without an argument, all. Asks nothing, says what it does, and is silent where
# nothing is to do. Debian 12 or newer, as root; elsewhere it names what is missing. Nothing that it
# installs is started.
#
#   sh build/setup.sh [build|demo|test]
#   STATIC_MUSL=target|zigbuild   the only way to a static binary to set up (see build/src/compile.rs)
set -eu
cd "$(dirname "$0")/.."

TOOLS=target/tools
PYTHON=$TOOLS/python
LOG=target/setup.log
# Both architectures are built on either.
MUSLS="x86_64-unknown-linux-musl aarch64-unknown-linux-musl"
RUST_MIN=1.89
JUST=1.59.0
ZIGBUILD=0.24.0
ZIG=0.17.1
STATSD=0.9.0
DATADOG=0.19.0
CARGO_DENY=0.20.2
CARGO_FUZZ=0.13.2

main() {
    # Daemons are in sbin, which the path of a plain user lacks.
    PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
    export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 PIP_DISABLE_PIP_VERSION_CHECK=1
    mkdir -p "$TOOLS"
    case "${1:-all}" in
    build) set_up_build ;;
    demo) set_up_demo ;;
    test) set_up_test ;;
    # Not joined by &&, which would keep `set -e` out of the first.
    all)
        set_up_build
        set_up_test
        ;;
    *) fail "unknown argument $1: takes build, demo or test" ;;
    esac
}

set_up_build() {
    packages=
    program cc gcc libc6-dev
    [ -e /etc/ssl/certs/ca-certificates.crt ] || packages="$packages ca-certificates"
    python_packages
    install_packages
    check_rust
    set_up_just
    set_up_static
}

set_up_demo() {
    set_up_build
    packages=
    engine_packages
    install_packages
}

set_up_test() {
    packages=
    engine_packages
    program docker-registry docker-registry
    program node nodejs
    program npm npm
    program collectd collectd-core
    program socat socat
    program file file
    program valgrind valgrind
    program qemu-x86_64-static qemu-user-static
    program openssl openssl
    program c++ g++
    is_static_busybox || packages="$packages busybox-static"
    python_packages
    install_packages
    check_rust
    set_up_lints
    set_up_deny
    set_up_fuzz
    set_up_statsd
    set_up_datadog
    set_up_engines
}

say() { echo "setup: $*"; }

fail() {
    echo "setup: error: $*" >&2
    exit 1
}

# Runs a command with its output in the log, and ends the set-up if it fails.
quietly() {
    if ! "$@" >"$LOG" 2>&1 </dev/null; then
        tail -n 20 "$LOG" >&2
        fail "failed: $*"
    fi
}

# program NAME PACKAGE...: the packages are wanted if there is no such program.
program() {
    name=$1
    shift
    command -v "$name" >/dev/null || packages="$packages $*"
}

is_static_busybox() { [ -x /bin/busybox ] && ! ldd /bin/busybox >/dev/null 2>&1; }

# What build/src/engine.rs looks for.
engine_packages() {
    program dockerd docker.io
    # A package of its own since Debian 13, and in docker.io before: a pattern may match nothing.
    program docker docker.io '~n^docker-cli$'
    program containerd containerd
    program runc runc
    program ip iproute2
    program curl curl
}

install_packages() {
    [ -n "$packages" ] || return 0
    packages=$(printf '%s\n' $packages | sort -u | xargs)
    command -v apt-get >/dev/null || fail "this set-up installs with apt-get only; install what these Debian packages hold: $packages"
    [ "$(id -u)" = 0 ] || fail "packages are missing; as root: apt-get install --no-install-recommends $packages"
    say "installing Debian packages: $packages"
    forbid_services
    apt-get -q update >"$LOG" 2>&1 </dev/null || say "warning: apt-get update failed; trying with the lists that are here"
    # --no-remove: better to stop than to take something away that someone installed. A machine that
    # has just started may be upgrading itself: wait for it.
    quietly apt-get -q -y -o DPkg::Lock::Timeout=300 --no-install-recommends --no-remove install $packages
    allow_services
}

# Debian starts a daemon when it is installed, unless this file says no. One that is there is left alone.
POLICY=/usr/sbin/policy-rc.d
forbid_services() {
    [ -e "$POLICY" ] && return 0
    trap allow_services EXIT
    trap 'exit 1' HUP INT TERM
    printf '#!/bin/sh\n# docker-metrics-statsd build/setup.sh, until its packages are installed\nexit 101\n' >"$POLICY"
    chmod 755 "$POLICY"
}
allow_services() {
    if grep -qs 'docker-metrics-statsd build/setup.sh' "$POLICY"; then rm -f "$POLICY"; fi
}

check_rust() {
    command -v cargo >/dev/null || fail "there is no cargo on PATH; install Rust $RUST_MIN or newer"
    cargo --version >"$LOG" 2>&1 || fail "cargo does not run (HOME is ${HOME:-not set}): $(head -n 1 "$LOG")"
    version=$(rustc --version | cut -d ' ' -f 2)
    [ "$(printf '%s\n' "$RUST_MIN" "$version" | sort -V | head -n 1)" = "$RUST_MIN" ] ||
        fail "rustc is $version; install Rust $RUST_MIN or newer"
}

# Not in every installation of Rust; only `just lint` and `just ci` need them.
set_up_lints() {
    cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 && return 0
    say "adding rustfmt and clippy to Rust"
    rustup component add rustfmt clippy >"$LOG" 2>&1 </dev/null ||
        say "warning: Rust has no rustfmt or no clippy, so just lint and just ci cannot run"
}

has_venv() { python3 -c 'import venv, ensurepip' >/dev/null 2>&1; }

python_packages() { has_venv || packages="$packages python3 python3-venv"; }

# pip_install: requirements with hashes on standard input, into a virtual environment of our own.
pip_install() {
    requirements=$(cat)
    if ! "$PYTHON/bin/python3" -m pip --version >/dev/null 2>&1; then
        rm -rf "$PYTHON"
        quietly python3 -m venv "$PYTHON"
    fi
    printf '%s\n' "$requirements" >"$TOOLS/requirements.txt"
    quietly "$PYTHON/bin/python3" -m pip "$@" --no-deps --only-binary :all: --require-hashes -r "$TOOLS/requirements.txt"
    rm "$TOOLS/requirements.txt"
}

set_up_just() {
    just --summary >/dev/null 2>&1 && return 0
    if [ "$(id -u)" = 0 ]; then bin=/usr/local/bin; else bin=${HOME:?}/.local/bin; fi
    say "installing just $JUST into $bin"
    pip_install install <<EOF
rust-just==$JUST \
    --hash=sha256:3ee47f26e3aff917107602d57a08ede20df447f78dc4f9ceb08e57a883c56eb9 \
    --hash=sha256:a305aa91fc425c44e3bcc7d5faae7b8c1503091d8e79aae1f6801dbdca478e20
EOF
    mkdir -p "$bin"
    # A copy: a link into target would not outlive a `cargo clean`.
    cp "$PYTHON/bin/just" "$bin/.just.new" && mv "$bin/.just.new" "$bin/just"
    just --summary >"$LOG" 2>&1 && return 0
    [ "$(command -v just || true)" = "$bin/just" ] || fail "put $bin first on PATH, so that just is found there"
    fail "just cannot read the justfile: $(head -n 1 "$LOG")"
}

set_up_deny() { compiled cargo-deny "$CARGO_DENY"; }

set_up_fuzz() { compiled cargo-fuzz "$CARGO_FUZZ"; }

# compiled NAME VERSION: a program of a crate. Not optimised: what it does takes seconds all the same.
compiled() {
    folder=$TOOLS/$1
    [ "$("$folder/bin/$1" --version 2>/dev/null)" = "$1 $2" ] && return 0
    say "compiling $1 $2 below $folder; this takes minutes"
    quietly cargo install "$1@$2" --locked --debug --no-default-features --force --root "$folder" --target-dir "$folder/build"
    rm -rf "$folder/build"
}

# The ways that build/src/compile.rs tries, in its order.
set_up_static() {
    case "${STATIC_MUSL:-}" in
    target) set_up_target || fail "Rust has no standard library for $MUSLS, and rustup could not add it" ;;
    zigbuild) set_up_zigbuild ;;
    '') set_up_target || set_up_zigbuild ;;
    *) fail "STATIC_MUSL=$STATIC_MUSL: takes target or zigbuild" ;;
    esac
}

has_target() {
    for musl in $MUSLS; do
        ls "$(rustc --print=target-libdir --target "$musl")"/libstd-*.rlib >/dev/null 2>&1 || return 1
    done
}

set_up_target() {
    has_target && return 0
    command -v rustup >/dev/null || return 1
    has_zigbuild && [ -z "${STATIC_MUSL:-}" ] && return 1
    say "adding the targets $MUSLS to Rust"
    timeout 300 rustup target add $MUSLS >"$LOG" 2>&1 </dev/null && has_target && return 0
    say "rustup could not add them: $(tail -n 1 "$LOG")"
    return 1
}

has_zigbuild() {
    [ -x "$PYTHON/bin/cargo-zigbuild" ] &&
        [ -d /usr/lib/rustlib/src/rust/library/std ] && [ -x /usr/bin/rustc ] && [ -x /usr/bin/cargo ] &&
        [ "$(cat "$PYTHON/zigbuild.version" 2>/dev/null)" = "$ZIGBUILD $ZIG" ]
}

set_up_zigbuild() {
    has_zigbuild && return 0
    packages=
    for package in rustc-web cargo-web rust-web-src; do
        dpkg -s "$package" >/dev/null 2>&1 || packages="$packages $package"
    done
    install_packages
    say "installing cargo-zigbuild $ZIGBUILD and zig $ZIG below $PYTHON"
    pip_install install <<EOF
cargo-zigbuild==$ZIGBUILD \
    --hash=sha256:484412e39e4c6039474535ce97ee75a22bab22d58233056f8ec8a8f9034bb957 \
    --hash=sha256:6942e4320f7b05d8fb29e0a8ce5670bcbb3d254275100b85b5b7c86552f9a744
ziglang==$ZIG \
    --hash=sha256:ea6cc5d87b033cf0aedfbc8f9549a908cae6c50ac31f1698188fa48a74524b54 \
    --hash=sha256:b7c5f02fccd40f89b999ee16a1f5ddced56e6182370f8affe494bcf8a28cf07e
EOF
    echo "$ZIGBUILD $ZIG" >"$PYTHON/zigbuild.version"
}

set_up_statsd() {
    grep -qs "\"version\": \"$STATSD\"" "$TOOLS/statsd/node_modules/statsd/package.json" && return 0
    say "installing npm's statsd $STATSD below $TOOLS/statsd"
    mkdir -p "$TOOLS/statsd"
    # Its optional dependencies are backends and native code that no test uses.
    quietly npm install --prefix "$TOOLS/statsd" --cache "$PWD/$TOOLS/npm-cache" --ignore-scripts --omit=optional \
        --no-audit --no-fund "statsd@$STATSD"
}

# The package holds Datadog's own DogStatsD server as a program.
set_up_datadog() {
    case "$(uname -m)" in
    x86_64) arch=amd64 ;;
    *)
        say "warning: Datadog's package has no program for $(uname -m); SKIP_TESTS=agents leaves its tests out"
        return 0
        ;;
    esac
    program=$TOOLS/datadog/bin/linux-$arch/datadog-serverless-compat
    [ "$(cat "$TOOLS/datadog/version" 2>/dev/null)" = "$DATADOG" ] && [ -x "$program" ] && return 0
    say "installing Datadog's serverless-compat $DATADOG below $TOOLS/datadog"
    rm -rf "$TOOLS/datadog"
    mkdir -p "$TOOLS/datadog"
    pip_install download -q --dest "$TOOLS/datadog" <<EOF
datadog-serverless-compat==$DATADOG \
    --hash=sha256:530c85f16cb6c20d0708f07bab4c43799cbd6523e09d8418069dd7cc304eec4d
EOF
    quietly python3 -m zipfile -e "$TOOLS"/datadog/*.whl "$TOOLS/datadog/wheel"
    mv "$TOOLS/datadog/wheel/datadog_serverless_compat/bin" "$TOOLS/datadog/bin"
    rm -rf "$TOOLS"/datadog/*.whl "$TOOLS/datadog/wheel"
    chmod +x "$program"
    echo "$DATADOG" >"$TOOLS/datadog/version"
}

# Without them only their own tests fail, and those say what is missing.
set_up_engines() {
    sh tests/engine/engines.sh || say "warning: the tests of other Docker Engines will fail; SKIP_TESTS=engine leaves them out"
}

main "$@"
