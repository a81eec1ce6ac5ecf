#!/bin/sh
# Runs kernels_check on an emulated processor, for instruction sets that this machine lacks.
#
# Usage: tests/kernels/emulate.sh [CPU]     default corei7_skylake_x, which has AVX-512
# Needs root and, from Debian: bochs bochs-term isolinux syslinux-common genisoimage cpio, and the
# network once for a kernel. Takes about two minutes. Exit status: that of kernels_check.
set -eu
cpu=${1:-corei7_skylake_x}
source=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d /tmp/qvl-emulate.XXXXXX)
trap 'rm -rf "$work"' EXIT
cd "$work"

meson setup build "$source" -Dc_link_args=-static >meson.log
ninja -C build tests/kernels/kernels_check >ninja.log
package=$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends: linux-image/ { print $2 }')
apt-get download "$package" >apt.log 2>&1
dpkg -x ./*.deb kernel

mkdir -p root/proc root/dev iso/isolinux
cat >init.c <<'END'
#include <stdio.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void)
{
    int status = 0;
    mount("proc", "/proc", "proc", 0, NULL);
    if (fork() == 0)
        return execl("/check", "/check", NULL);
    wait(&status);
    printf("status %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    fflush(stdout);
    sleep(1);
    return reboot(RB_AUTOBOOT);
}
END
cc -static -o root/init init.c
cp build/tests/kernels/kernels_check root/check
mknod root/dev/console c 5 1
(cd root && find . | cpio --quiet -o -H newc | gzip) >iso/initrd.gz
cp kernel/boot/vmlinuz-* iso/vmlinuz
cp /usr/lib/ISOLINUX/isolinux.bin /usr/lib/syslinux/modules/bios/ldlinux.c32 iso/isolinux/
# Bochs reports the size of the compacted register image wrongly: the kernel must use the other one.
# A reboot by triple fault ends the emulator.
cat >iso/isolinux/isolinux.cfg <<'END'
DEFAULT linux
LABEL linux
KERNEL /vmlinuz
APPEND initrd=/initrd.gz console=ttyS0 quiet nosmp mitigations=off lpj=1000000 tsc=reliable noxsaves clearcpuid=xsaves,xsavec reboot=t
END
genisoimage -quiet -o boot.iso -b isolinux/isolinux.bin -c isolinux/boot.cat -no-emul-boot \
    -boot-load-size 4 -boot-info-table iso
cat >bochsrc <<END
cpu: model=$cpu, count=1, ips=50000000, reset_on_triple_fault=0
memory: guest=512, host=512
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
ata0-master: type=cdrom, path=boot.iso, status=inserted
boot: cdrom
display_library: term
com1: enabled=1, mode=file, dev=serial.txt
log: bochs.log
panic: action=fatal
speaker: enabled=0, mode=none
sound: waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy
END
printf 'c\nq\n' >commands # the emulator starts in its debugger
TERM=xterm script -qfc 'stty rows 50 cols 132; bochs -q -f bochsrc -rc commands' /dev/null \
    </dev/null >bochs.out 2>&1 || true
tr -d '\r' <serial.txt
exit "$(tr -d '\r' <serial.txt | sed -n 's/^status //p')"
