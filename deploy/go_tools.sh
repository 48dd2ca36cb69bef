# shellcheck shell=bash
# Programs of the Go world, built from the Go module proxy into ~/.cache/tidegate/go. Sourced after machine.sh, never run.
#
# It leaves the machine's own Go and its folders alone.

go_home=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/tidegate/go
go_path=$go_home/path
go_programs=$go_home/bin
# The Go toolchain as the Go module proxy has it, for machines with an older one: version, and SHA-256 per architecture.
go_version=1.26.8
go_sha256_amd64=30c2b1bf7dcc88d3eb0a1364e47ddd9128edb3110a30e8a0ef61cd5856b31de7
go_sha256_arm64=02b36b6787b3ac767668f630e2998df45a3b1f9ffee08d1bf3ef6487cd658d99

install_go() {
    local architecture sum archive=$go_home/go.zip
    case $(uname -m) in
        x86_64) architecture=amd64 sum=$go_sha256_amd64 ;;
        aarch64) architecture=arm64 sum=$go_sha256_arm64 ;;
        *) echo "no Go toolchain is known for $(uname -m)" && return 1 ;;
    esac
    curl --proto '=https' --tlsv1.2 -fsS --retry 3 -o "$archive" \
        "https://proxy.golang.org/golang.org/toolchain/@v/v0.0.1-go$go_version.linux-$architecture.zip" || return
    printf '%s  %s\n' "$sum" "$archive" | sha256sum --check --quiet || return
    rm -rf -- "$go_home/go" && mkdir -p -- "$go_home/unpacked" || return
    python3 -m zipfile -e "$archive" "$go_home/unpacked" || return
    mv -- "$go_home/unpacked/golang.org/toolchain@v0.0.1-go$go_version.linux-$architecture" "$go_home/go" || return
    rm -rf -- "$archive" "$go_home/unpacked"
    # A zip file keeps no permissions.
    chmod -R u+x "$go_home/go/bin" "$go_home/go/pkg/tool"
}

# go_run <arguments>: the machine's Go where it is new enough, else ours.
go_run() {
    local go=go
    [[ -x $go_home/go/bin/go ]] && go=$go_home/go/bin/go
    # Modules are needed for the installation only, and then go.
    GOTOOLCHAIN=local GOFLAGS=-modcacherw GOPATH=$go_path GOBIN=$go_programs "$go" "$@"
}

go_is_recent() {
    have go && version_at_least "$(cd / && GOTOOLCHAIN=local go env GOVERSION | tr -d go)" "$go_version"
}

install_with_go() { # <program> <package> <version> <name that go gives it>
    go_run install "$2@$3" || return
    mv -- "$go_programs/$4" "$go_programs/$1-$3"
}

# need_go: the machine's Go where it is new enough, else one of our own. Needs curl and python3.
need_go() {
    mkdir -p -- "$go_programs"
    go_is_recent || [[ -x $go_home/go/bin/go ]] || step "Installing Go $go_version into $go_home" install_go
}

# Modules are needed for a build only; they take a gigabyte.
forget_modules() { rm -rf -- "$go_path"; }
