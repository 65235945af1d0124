#!/usr/bin/env bash
# gpuhunt 0.1.34 moves the memory that a provider reports up to the GPU's label.
#
# Guess: gpu_memory is what the machine has, in GB or GiB.
# So:    what a provider or driver reports in MiB is divided by 1,024 and, if a known GPU of that
#        name is within 7 %, replaced by that GPU's round figure. An L40S with 44.99 GiB becomes 48,
#        an A10G with 22.49 becomes 24, a T4 with 15.00 becomes 16: 6.7 % that no engine can use. A
#        40 GB and an 80 GB card are told apart, memory that ECC takes away is not.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q gpuhunt==0.1.34
"$work/venv/bin/python" - <<'PY'
from importlib.metadata import version

import gpuhunt

reported = {"T4": 15360, "A10G": 23028, "L4": 23034, "L40S": 46068, "RTX4090": 24564, "H100": 81559, "H200": 143771}
given = {name: gpuhunt.correct_gpu_memory_gib(name, mib) for name, mib in reported.items()}
for name, mib in reported.items():
    print(f"{name}: reported {mib / 1024:.2f} GiB, gpu_memory {given[name]}, {given[name] / (mib / 1024) - 1:+.1%}")
assert given == {"T4": 16, "A10G": 24, "L4": 24, "L40S": 48, "RTX4090": 24, "H100": 80, "H200": 141}, given
unknown = gpuhunt.correct_gpu_memory_gib("L40S-engineering-sample", 46068)
print("the same 46,068 MiB under a name that it does not know:", unknown)
assert unknown == 45
cards = {(g.name, g.memory) for g in gpuhunt.find_accelerators(names=["MI325X"])}
print("MI325X in its own table:", cards)
assert version("gpuhunt") == "0.1.34"
PY
