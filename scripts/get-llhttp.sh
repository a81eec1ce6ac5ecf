#!/bin/sh
# Fetches the C sources of llhttp, the HTTP parser of Node.js, beside which ours is tested.
#
# They come out of Debian's package node-llhttp, which is unpacked into build-llhttp and not
# installed: it would bring all of Node.js, or clash with another one. Does nothing, quickly, when
# they are there. Fails with one sentence; the tests that need them are then skipped.
set -u
cd "$(dirname "$0")/.." || exit 2
. scripts/install-packages.sh
there=build-llhttp
[ -f $there/usr/share/llhttp/llhttp.c ] && exit 0

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
download() {
    (cd "$work" && apt-get download -qq node-llhttp) >"$work/log" 2>&1
}
refresh() {
    as_root=
    [ "$(id -u)" = 0 ] || as_root=sudo
    $as_root apt-get update -qq >/dev/null 2>&1
}
if download || { refresh && download; }; then
    mkdir "$work/out" && dpkg -x "$work"/node-llhttp_*.deb "$work/out" && mkdir -p $there &&
        cp -r "$work/out/usr" $there && exit 0
fi
tail -n 2 "$work/log" >&2
say "The package node-llhttp could not be fetched: comparisons with llhttp are skipped." \
    "无法获取软件包 node-llhttp：将跳过与 llhttp 的对照测试。" >&2
exit 1
