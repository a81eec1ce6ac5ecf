#!/bin/sh
# meson install puts everything below the prefix, and the installed program finds its demo model.
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
    share/doc/qvl/docs/errors.md share/qvl/models/demo/config.json; do
    [ -s "$prefix/$file" ] || { echo "$file is not there"; exit 1; }
done
[ ! -e "$prefix/share/qvl/models/demo/eval" ] || { echo "the evaluation set is there"; exit 1; }
! grep -q '@' "$prefix/share/man/man1/qvl.1" || { echo "the manual is not filled in"; exit 1; }

cd "$root"
"$prefix/bin/qvl" --version
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
