# shellcheck shell=bash
# What `quickstart` and `test` share: timed steps, Debian packages, the Rust toolchain. Sourced, never run.
#
# It installs a package only when the program that is wanted is not there, names what it installs, and starts no service.

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
step_log=$(mktemp -t tidegate-step.XXXXXX)
# Files of the machine that stand changed for the length of one installation; Ctrl-C must not leave them so.
changed_settings=
placed_policy=
trap 'restore_machine; rm -f -- "$step_log"' EXIT

# The user's own toolchain comes first; rustup leaves it here without touching any profile file.
cargo_home=${CARGO_HOME:-${HOME:-/root}/.cargo}
PATH="$cargo_home/bin:$PATH"

say() { printf '%s\n' "$*"; }

fail() {
    printf '\n%s\n' "$*" >&2
    exit 1
}

# step <what it does> <command> [arguments]: quiet while it works; its whole output when it fails.
step() {
    local title=$1 began=$SECONDS
    shift
    printf '%-58s' "$title"
    if "$@" >"$step_log" 2>&1 </dev/null; then
        printf ' %4d s\n' "$((SECONDS - began))"
        return
    fi
    printf ' failed after %d s\n\n' "$((SECONDS - began))"
    cat -- "$step_log" >&2
    fail "failed: $title"
}

# as_root <command> [arguments]
as_root() {
    if [[ $(id -u) -eq 0 ]]; then "$@"; else sudo -- "$@"; fi
}

# may_become_root <packages>: ends with advice when packages are missing and nobody here may install them.
may_become_root() {
    local advice
    advice="Missing packages: $*
Install them as root, then run this again:
  apt-get update && apt-get install --no-install-recommends $*"
    command -v apt-get >/dev/null || fail "This is not Debian or Ubuntu (there is no apt-get).
Install what these packages of theirs hold, then run this again: $*"
    [[ $(id -u) -eq 0 ]] && return
    command -v sudo >/dev/null || fail "You are not root, and there is no sudo.
$advice"
    # Without a terminal sudo cannot ask for a password; with one it asks here, before any output is hidden.
    if [[ -t 0 ]]; then
        sudo -v || fail "sudo was refused.
$advice"
    else
        sudo -n true 2>/dev/null || fail "sudo wants a password, and there is no terminal to ask on.
$advice"
    fi
}

apt_install() {
    local options=(-y -q --no-install-recommends -o DPkg::Lock::Timeout=300)
    # needrestart must not ask, nor restart services that are none of our business.
    local quiet=(env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1)
    # The package lists may be absent (a fresh container) or stale: only then are they fetched.
    as_root "${quiet[@]}" apt-get install "${options[@]}" "$@" && return
    as_root "${quiet[@]}" apt-get update -q && as_root "${quiet[@]}" apt-get install "${options[@]}" "$@"
}

restore_machine() {
    if [[ -n $changed_settings ]]; then as_root mv -f -- "$changed_settings.tidegate" "$changed_settings"; fi
    if [[ -n $placed_policy ]]; then as_root rm -f -- "$placed_policy"; fi
    changed_settings='' placed_policy=''
}

# PostgreSQL for private use: the distribution would create a cluster and start it at every boot; nothing here needs it.
apt_install_postgresql() {
    local settings=/etc/postgresql-common/createcluster.conf status=0
    apt_install postgresql-common && as_root cp -p -- "$settings" "$settings.tidegate" || return
    changed_settings=$settings
    printf 'create_main_cluster = false\n' | as_root tee -a "$settings" >/dev/null
    apt_install postgresql || status=$?
    restore_machine
    return "$status"
}

# Installs packages with the start of services refused, in Debian's own way.
apt_install_without_services() {
    local policy=/usr/sbin/policy-rc.d status=0
    if [[ ! -e $policy ]]; then
        placed_policy=$policy
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null && as_root chmod 755 "$policy"
    fi
    apt_install "$@" || status=$?
    restore_machine
    return "$status"
}

have() { command -v "$1" >/dev/null 2>&1; }

have_postgresql() {
    local initdb
    have initdb && have postgres && return
    for initdb in /usr/lib/postgresql/*/bin/initdb; do
        [[ -x $initdb && -x ${initdb%initdb}postgres ]] && return
    done
    return 1
}

have_c_toolchain() {
    have cc && printf '#include <stdlib.h>\nint main(void) { return EXIT_SUCCESS; }\n' | cc -x c -o "$step_log" - 2>/dev/null
}

# need_build_packages: a linker and a C compiler (some crates hold C), and PostgreSQL's server programs.
need_build_packages() {
    local packages=() postgresql=()
    have_c_toolchain || packages+=(gcc libc6-dev)
    [[ -e /etc/ssl/certs/ca-certificates.crt ]] || packages+=(ca-certificates)
    have curl || packages+=(curl)
    have_postgresql || postgresql=(postgresql)
    if [[ ${#packages[@]} -eq 0 && ${#postgresql[@]} -eq 0 ]]; then return; fi
    may_become_root "${packages[@]}" "${postgresql[@]}"
    if [[ ${#packages[@]} -gt 0 ]]; then step "Installing ${packages[*]}" apt_install "${packages[@]}"; fi
    if [[ ${#postgresql[@]} -gt 0 ]]; then step "Installing postgresql (its own cluster is not created)" apt_install_postgresql; fi
}

# version_at_least <have> <want>: both dotted numbers.
version_at_least() {
    [[ $(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1) == "$2" ]]
}

install_rustup() {
    local triple url temporary
    case $(uname -m) in
        x86_64) triple=x86_64-unknown-linux-gnu ;;
        aarch64) triple=aarch64-unknown-linux-gnu ;;
        *) echo "no rustup installer is known for $(uname -m): install Rust from https://rustup.rs" && return 1 ;;
    esac
    url=https://static.rust-lang.org/rustup/dist/$triple/rustup-init
    temporary=$(mktemp -d -t tidegate-rustup.XXXXXX)
    # In the installer's own folder, because the checksum file names it relatively.
    (
        set -e
        cd -- "$temporary"
        curl --proto '=https' --tlsv1.2 -fsS --retry 3 -o rustup-init "$url"
        curl --proto '=https' --tlsv1.2 -fsS --retry 3 -o published.sha256 "$url.sha256"
        printf '%s  rustup-init\n' "$(cut -d ' ' -f 1 published.sha256)" | sha256sum --check --quiet
        chmod 755 rustup-init
        # A distribution's older Rust may stay; the toolchain is named below, by the workspace's own file.
        RUSTUP_INIT_SKIP_PATH_CHECK=yes ./rustup-init -y --no-modify-path --profile minimal --default-toolchain none
    )
    local status=$?
    rm -rf -- "$temporary"
    return "$status"
}

# need_rust: a cargo that is new enough; the workspace's pinned toolchain where rustup rules.
need_rust() {
    local wanted channel installed
    wanted=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' "$root/Cargo.toml")
    channel=$(sed -n 's/^channel = "\(.*\)"$/\1/p' "$root/rust-toolchain.toml")
    if ! have rustup; then
        # Asked outside the workspace, so that no toolchain file takes part.
        installed=$(cd / && cargo --version 2>/dev/null | cut -d ' ' -f 2) || true
        if [[ -n $installed ]] && version_at_least "$installed" "$wanted"; then return; fi
        step "Installing rustup into $cargo_home" install_rustup
        hash -r
    fi
    if ! rustup run "$channel" cargo clippy --version >/dev/null 2>&1 || ! rustup run "$channel" cargo fmt --version >/dev/null 2>&1; then
        step "Installing the Rust $channel toolchain (minimal)" \
            rustup toolchain install "$channel" --profile minimal --component clippy --component rustfmt
    fi
}
