# Sourced by ./run and ./test: installs the Debian packages that are missing.
#
#   say ENGLISH CHINESE
#   install_packages ENGLISH-PURPOSE CHINESE-PURPOSE PACKAGE…
#
# Does nothing, quickly, when all are there. Says what it installs; fails with one sentence.

build_packages="ca-certificates gcc libc6-dev meson ninja-build pkg-config libuv1-dev libssl-dev \
libcurl4-openssl-dev libjpeg62-turbo-dev libpng-dev libwebp-dev libgif-dev libutf8proc-dev \
libyaml-dev"
test_packages="python3 clang-14 libclang-rt-14-dev clang-format-14 universal-ctags curl git openssl \
libcmocka-dev libjansson-dev libpcre2-dev ffmpeg gcc-aarch64-linux-gnu \
libc6-dev-arm64-cross qemu-user python3-venv nginx"

# Where Node.js is there already, from whatever source, Debian's would clash with it.
command -v node >/dev/null || test_packages="$test_packages nodejs"
command -v npm >/dev/null || test_packages="$test_packages npm"

# In the language that qvl itself speaks: QVL_LANG, else the locale's.
say() {
    case ${QVL_LANG:-${LC_ALL:-${LC_MESSAGES:-${LANG:-}}}} in
    zh*) echo "$2" ;;
    *) echo "$1" ;;
    esac
}

missing_packages() {
    for package in "$@"; do
        state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)
        [ "$state" = installed ] || printf '%s ' "$package"
    done
}

install_packages() {
    purpose_en=$1 purpose_zh=$2
    shift 2
    command -v dpkg-query >/dev/null || {
        say "This script installs packages on Debian only; install by hand: $*" \
            "本脚本只能在 Debian 上安装软件包；请手动安装：$*" >&2
        return 1
    }
    missing=$(missing_packages "$@")
    [ -n "$missing" ] || return 0
    say "Installing what is missing $purpose_en: $missing" "正在安装${purpose_zh}的软件包：$missing"
    as_root=
    if [ "$(id -u)" != 0 ]; then
        as_root=sudo
        command -v sudo >/dev/null || {
            say "Only root can install packages; as root: apt-get install $missing" \
                "只有 root 能安装软件包；请以 root 身份执行：apt-get install $missing" >&2
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
    say "The packages could not be installed; the whole output is in $log." \
        "软件包安装失败；完整输出见 $log。" >&2
    return 1
}
