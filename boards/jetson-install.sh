#!/bin/sh
# Installs a posewire package on a Jetson with JetPack: sudo ./jetson-install.sh PACKAGE.deb
set -eu

if [ $# -ne 1 ] || [ ! -f "$1" ]; then
    echo "usage: sudo $0 PACKAGE.deb" >&2
    exit 2
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "$0: must run as root: sudo $0 $1" >&2
    exit 1
fi
model=$(tr -d '\0' 2>/dev/null </proc/device-tree/model || true)
case $model in
*Jetson*) ;;
*)
    echo "$0: this is not a Jetson (${model:-no device tree})" >&2
    exit 1
    ;;
esac

# NVIDIA's console on the header's serial line.
if systemctl list-unit-files nvgetty.service 2>/dev/null | grep -q nvgetty; then
    systemctl disable --now nvgetty.service
fi

dpkg -i "$1"

# The package is installed. The user reads doctor's failures.
posewire doctor --model /usr/lib/posewire/hand.plan || true
