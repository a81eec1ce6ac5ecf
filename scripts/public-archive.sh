#!/bin/sh
# Makes one static library whose only global names are the public ones.
#
#   public-archive.sh OUT.a ALL.a LD OBJCOPY AR
#
# ALL.a holds every object; hidden names become local, so that they clash with nobody's.
set -e
out=$1
all=$2
object=$out.o
"$3" -r -o "$object" --whole-archive "$all" --no-whole-archive
"$4" --localize-hidden "$object"
rm -f "$out"
"$5" rcs "$out" "$object"
rm -f "$object"
