#!/bin/sh
# meson install puts everything below the prefix, the installed program finds its demo model, and
# what was installed beside it fits it.
#
#   install_test.sh BUILD_DIRECTORY PREFIX
set -eu
root=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$root"' EXIT
DESTDIR=$root meson install -C "$1" --no-rebuild >"$root/log" 2>&1 || {
    tail "$root/log"
    exit 1
}
rm "$root/log"
prefix=$root$2
outside=$(find "$root" ! -type d ! -path "$prefix/*")
[ -z "$outside" ] || { echo "outside the prefix: $outside"; exit 1; }
for file in bin/qvl include/qvl.h share/man/man1/qvl.1 share/doc/qvl/README.zh.md \
    share/doc/qvl/docs/errors.md share/qvl/models/demo/config.json \
    share/man/man5/qvl.yaml.5 share/man/zh_CN/man5/qvl.yaml.5 \
    lib/systemd/system/qvl.service lib/systemd/system/qvl.socket \
    share/bash-completion/completions/qvl share/zsh/site-functions/_qvl \
    share/fish/vendor_completions.d/qvl.fish \
    share/doc/qvl/examples/qvl.yaml share/doc/qvl/examples/qvl.zh.yaml \
    share/doc/qvl/examples/nginx/qvl.conf share/doc/qvl/examples/logrotate/qvl \
    share/doc/qvl/examples/prometheus/prometheus.yml \
    share/doc/qvl/examples/prometheus/qvl-alerts.yml \
    share/doc/qvl/examples/grafana/qvl.json; do
    [ -s "$prefix/$file" ] || { echo "$file is not there"; exit 1; }
done
[ ! -e "$prefix/share/qvl/models/demo/eval" ] || { echo "the evaluation set is there"; exit 1; }
! grep -q '@' "$prefix/share/man/man1/qvl.1" || { echo "the manual is not filled in"; exit 1; }

for page in man1/qvl.1 man5/qvl.yaml.5 zh_CN/man5/qvl.yaml.5; do
    command -v groff >/dev/null || break
    faults=$(groff -K utf8 -man -Tutf8 -ww -z "$prefix/share/man/$page" 2>&1)
    [ -z "$faults" ] || { echo "$page: $faults"; exit 1; }
done
program=$(sed -n 's/^ExecStart=\([^ ]*\) .*/\1/p' "$prefix/lib/systemd/system/qvl.service")
[ "$program" = "$2/bin/qvl" ] && [ -x "$root$program" ] || {
    echo "the unit starts $program"
    exit 1
}
library=$(dirname "$(find "$prefix" -name libqvl.so)")
[ "$(PKG_CONFIG_PATH=$library/pkgconfig pkg-config --variable=libdir qvl)" = "${library#"$root"}" ] || {
    echo "pkg-config does not find libqvl"
    exit 1
}

cd "$root"
"$prefix/bin/qvl" --version
"$prefix/bin/qvl" config show --config "$prefix/share/doc/qvl/examples/qvl.yaml" >/dev/null
offered=$(bash -c '. "$0"; COMP_WORDS=("$1" se); COMP_CWORD=1; _qvl "$1" se; echo "${COMPREPLY[@]}"' \
    "$prefix/share/bash-completion/completions/qvl" "$prefix/bin/qvl")
[ "$offered" = serve ] || { echo "completion offers: $offered"; exit 1; }
"$prefix/bin/qvl" serve --port 0 --log.access off >"$root/serve.log" 2>&1 &
server=$!
tries=0
until grep -q '^ready' "$root/serve.log"; do
    kill -0 $server || { cat "$root/serve.log"; exit 1; }
    tries=$((tries + 1))
    [ $tries -lt 300 ] || { cat "$root/serve.log"; exit 1; }
    sleep 0.1
done
grep -q 'model qwen3-vl-demo' "$root/serve.log"
