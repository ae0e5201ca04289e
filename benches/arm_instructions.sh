#!/usr/bin/env bash
# ARM instructions per frame, under qemu-user: a figure that does not depend on the measuring machine.
# One frame is half the difference between a run of three frames and a run of one.
#
#   benches/arm_instructions.sh MODEL.onnx INPUT.npy [CPU ...]
#
# Needs: apt-get install qemu-user gcc gcc-aarch64-linux-gnu, and
#   rustup target add aarch64-unknown-linux-gnu
#   cargo build --release --target aarch64-unknown-linux-gnu
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
if [ $# -lt 2 ]; then
    sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
model=$1 input=$2
shift 2
cpus=("$@")
[ ${#cpus[@]} -gt 0 ] || cpus=(cortex-a72 cortex-a76 max)
target=${CARGO_TARGET_DIR:-$here/../target}
program=$target/aarch64-unknown-linux-gnu/release/posewire
[ -x "$program" ] || { echo "arm_instructions.sh: $program does not exist: build it first" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
gcc -O2 -shared -fPIC -o "$work/instructions.so" "$here/instructions.c"

count() { # CPU FRAMES
    POSEWIRE_CORE=cortex-a72 qemu-aarch64 -plugin "$work/instructions.so" -cpu "$1" -L /usr/aarch64-linux-gnu \
        "$program" infer --model "$model" --input "$input" --output "$work/out.npy" --repeat "$2" \
        2>"$work/log" >"$work/report" || { cat "$work/log" >&2; exit 1; }
    awk '/^instructions /{ print $2 }' "$work/log"
}

printf '%-12s %-18s %14s\n' cpu engine "G per frame"
for cpu in "${cpus[@]}"; do
    one=$(count "$cpu" 1)
    three=$(count "$cpu" 3)
    engine=$(cut -d: -f1 "$work/report")
    awk -v cpu="$cpu" -v engine="$engine" -v one="$one" -v three="$three" \
        'BEGIN { printf "%-12s %-18s %14.3f\n", cpu, engine, (three - one) / 2e9 }'
done
