#!/bin/sh
# Cross-compiles kernels_check for AArch64 and runs it under qemu: with and without sdot.
#
# Usage: tests/kernels/aarch64.sh. Needs gcc-aarch64-linux-gnu, libc6-dev-arm64-cross, qemu-user.
set -eu
cd "$(dirname "$0")/../.."
work=$(mktemp -d /tmp/qvl-aarch64.XXXXXX)
trap 'rm -rf "$work"' EXIT
flags="-std=c17 -O2 -Wall -Wextra -Werror -D_GNU_SOURCE -DKERNELS_NEON -Isrc -Iinclude"

# One object for each source that belongs neither to another processor nor to a unit test.
find src/base src/os src/kernels tests/kernels -name '*.c' ! -name '*_test.c' ! -path '*/avx*' |
    xargs -P 2 -I {} sh -c '
        case {} in */dotprod.c) march=-march=armv8.2-a+dotprod ;; *) march= ;; esac
        exec aarch64-linux-gnu-gcc "$@" $march -c {} -o "$0/$(echo {} | tr / -).o"
    ' "$work" $flags
aarch64-linux-gnu-gcc -static -o "$work/kernels_check" "$work"/*.o -lm -lpthread

for cpu in cortex-a72 max; do
    echo "$cpu"
    qemu-aarch64 -cpu $cpu "$work/kernels_check"
done
