# Sourced by ./run and ./test: installs the Debian packages that are missing.
#
#   install_packages "what they are for" PACKAGE…
#
# Does nothing, quickly, when all are there. Says what it installs; fails with one sentence.

build_packages="gcc libc6-dev meson ninja-build pkg-config libuv1-dev libssl-dev \
libcurl4-openssl-dev libjpeg62-turbo-dev libpng-dev libwebp-dev libgif-dev libutf8proc-dev \
libyaml-dev"
test_packages="python3 clang-14 libclang-rt-14-dev clang-format-14 universal-ctags curl git \
libcmocka-dev libjansson-dev libpcre2-dev"

missing_packages() {
    for package in "$@"; do
        state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)
        [ "$state" = installed ] || printf '%s ' "$package"
    done
}

install_packages() {
    purpose=$1
    shift
    command -v dpkg-query >/dev/null || {
        echo "This script installs packages on Debian only; install by hand: $*" >&2
        return 1
    }
    missing=$(missing_packages "$@")
    [ -n "$missing" ] || return 0
    echo "Installing what is missing $purpose: $missing"
    as_root=
    if [ "$(id -u)" != 0 ]; then
        as_root=sudo
        command -v sudo >/dev/null || {
            echo "Root is needed to install packages: apt-get install $missing" >&2
            return 1
        }
    fi
    log=$(mktemp) || return 1
    # shellcheck disable=SC2086
    if $as_root apt-get update -qq >"$log" 2>&1 &&
        DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends \
            $missing >>"$log" 2>&1; then
        rm -f "$log"
        return 0
    fi
    tail -n 5 "$log" >&2
    echo "The packages could not be installed; the whole output is in $log." >&2
    return 1
}
