# Every command of the project; `just` alone lists them. A recipe has at most five lines: what needs
# more is Rust in build/. `just arch=arm64 RECIPE` builds for another architecture.

set positional-arguments

arch := if arch() == "aarch64" { "arm64" } else { "amd64" }
name := "docker-metrics-statsd"
image := "target/plugin" / arch
builder := "cargo run --quiet --package plugin-builder --"
bench := "target/bench" / arch / "bench"

# List the recipes
[private]
default:
    @just --list --unsorted

# Install what building and testing need; idempotent, as root on Debian
[group('build')]
setup:
    sh build/setup.sh

# Compile the plugin's static binary, target/plugin/ARCH/docker-metrics-statsd
[group('build')]
build:
    cargo build --package plugin-builder
    {{ builder }} binary --arch {{ arch }}

# Assemble the plugin: target/plugin/ARCH/{config.json,rootfs/}, the tarball, its .sha256 and its SBOM
[group('build')]
plugin: build
    {{ builder }} image --arch {{ arch }}
    {{ builder }} sbom --arch {{ arch }}

# The same for both architectures, whichever this machine has
[group('build')]
plugin-all:
    {{ just_executable() }} arch=amd64 plugin
    {{ just_executable() }} arch=arm64 plugin

# Create the plugin in the engine that the docker client points at
[group('engine')]
plugin-create NAME=name: plugin
    docker plugin create "$1" {{ image }}

# Enable the plugin: the engine starts it and shares its metrics
[group('engine')]
plugin-enable NAME=name:
    docker plugin enable "$1"

# Push both architectures' plugins to registries, without an engine: REF-amd64, REF-arm64, and REF is amd64
[group('build')]
push +REFS: plugin-all
    {{ builder }} push "$@"

# Push the plugin to a registry through the engine, which must not hold it already (it refuses the same rootfs twice)
[group('engine')]
plugin-push REF: plugin
    docker plugin create "$1" {{ image }}
    trap 'docker plugin rm "$1"' EXIT; docker plugin push "$1"

# Disable and remove the plugin
[group('engine')]
plugin-rm NAME=name:
    docker plugin rm --force "$1"

# Run the plugin on every node of a swarm: create REF | update REF | rollback | set | rm | status
[group('engine')]
swarm *ARGS:
    {{ builder }} swarm "$@"

# Install or upgrade the plugin on each of these engines: REF [SETTING=VALUE...] --host HOST...
[group('engine')]
install-everywhere *ARGS:
    {{ builder }} install-everywhere "$@"

# Show a recorded engine's metrics arriving, with nothing else installed: [--seconds N]
[group('build')]
demo *ARGS:
    cargo run --quiet -- demo "$@"

# Run the plugin in a real engine and show the metrics that arrive: [--seconds N]
[group('engine')]
demo-engine *ARGS: plugin
    {{ builder }} demo-engine "$@"

# Run the tests that need neither root nor an engine
[group('test')]
test:
    cargo test --workspace --no-fail-fast

# Run the tests of the whole process with the static binary, which confines itself as the plugin does
[group('test')]
test-static: build
    PROGRAM={{ image }}/{{ name }} cargo test --test it -- agent:: check:: command_line:: demo:: listener:: rights:: terminal::

# Compare the converter with the slow reference: a million samples, 320,000 random sequences
[group('test')]
test-identical:
    cargo test --release --test it identical -- --ignored

# Try each target with new inputs for so long; needs libFuzzer, see fuzz/: [SECONDS] [TARGET...]
[group('test')]
fuzz SECONDS="10" *TARGETS:
    cargo run --quiet --package fuzzing -- run --seconds "$@"

# Send real scrapes to real StatsD servers: Etsy's, Datadog's, collectd
[group('test')]
test-agents:
    cargo test --test agents

# Run the plugin in private real Docker Engines, the installed one, 26 and 28; needs root
[group('test')]
test-engine: plugin-all
    cargo test --package plugin-builder --test engine

# Test what was built for both architectures: its size, its panics, and the other one's in an emulator
[group('test')]
test-binary: plugin-all
    {{ builder }} binary --arch amd64 --program panics --out target/panics
    {{ builder }} binary --arch arm64 --program panics --out target/panics
    cargo test --package plugin-builder --test binary

# Run the plugin's process every 10 ms among random faults, and check every count; needs root: [--seconds N] [--seed N]
[group('test')]
soak *ARGS: build
    cargo build --package soak
    unshare --mount target/debug/soak --plugin {{ image }}/{{ name }} "$@"

# Run every test; SKIP_TESTS=engine,agents leaves out what cannot run on this machine
[group('test')]
test-all: test test-static test-agents test-binary test-engine

# Time the converter beside other crates: [--sizes docker,10k] [--rounds N] [--cold] [--markdown]
[group('measure')]
bench *ARGS: bench-build
    cargo run --quiet --release --package bench -- compare --static {{ bench }} "$@"

# CPU and memory of the plugin's own process: [--sizes docker,10k] [--idle SECONDS] [--markdown]
[group('measure')]
bench-process *ARGS: build bench-build
    {{ bench }} process --plugin {{ image }}/{{ name }} "$@"

# CPU of the plugin and of a real engine that it scrapes, time from enable to the first datagram; needs root
[group('measure')]
bench-engine: plugin
    cargo test --package plugin-builder --test engine -- --nocapture --test-threads 1 cost::

# Count the instructions of a scrape, which have a limit; needs valgrind
[group('measure')]
bench-count: bench-build
    {{ bench }} instructions

# Draw docs/dashboard.png again, from ten minutes of a real engine; needs root, Debian's libcairo2 and PyPI
[group('measure')]
picture: plugin
    cargo test --package plugin-builder --test engine picture -- --ignored
    python3 -m venv target/tools/picture
    GRAPHITE_NO_PREFIX=True target/tools/picture/bin/pip install --quiet graphite-web==1.1.10 whisper==1.1.10 matplotlib==3.11.2
    target/tools/picture/bin/python3 dashboards/picture.py dashboards/grafana-graphite.json target/picture/carbon.txt docs/dashboard.png

# The measuring program, compiled as the plugin is
[private]
bench-build:
    {{ builder }} binary --arch {{ arch }} --program bench --out target/bench

# Check the format, the lints and the documentation; any warning fails
[group('check')]
lint:
    cargo fmt --all --check
    cargo fmt --manifest-path fuzz/Cargo.toml --check
    cargo clippy --workspace --all-targets --locked -- -D warnings
    cargo clippy --workspace --locked --test agents --test binary --test engine -- -D warnings
    RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --quiet

# Check the licences, duplicates and sources of everything that is linked or used for building
[group('check')]
deny:
    target/tools/cargo-deny/bin/cargo-deny --locked --workspace check bans licenses sources

# Format the source
[group('check')]
fmt:
    cargo fmt --all

# Make the documentation of the code, target/doc
[group('check')]
doc:
    cargo doc --workspace --no-deps

# Run what .ci/run runs: every check and test, a little soak and fuzz, the limits on instructions
[group('check')]
ci: lint deny test-all soak (fuzz "5") bench-count
