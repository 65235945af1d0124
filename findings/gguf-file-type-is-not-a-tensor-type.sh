#!/usr/bin/env bash
# gguf 0.19.0: the number in general.file_type is not the number of a tensor's type.
#
# Guess: a GGUF file says its quantisation as one number, and the table of types turns it into a name.
# So:    two enumerations share the numbers. 7 is a file of Q8_0 and a tensor of Q5_1; 8 is a file of
#        Q5_0 and a tensor of Q8_0; 14 is a file of Q4_K_S and a tensor of Q6_K. Read with the wrong
#        table, weights are 0.7 to 2 times their size, and no name looks odd.
#        The reader also gives a tensor's shape with the row length first, unlike its data.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q numpy==2.4.6 gguf==0.19.0
cd "$work" && venv/bin/python - <<'PY'
from importlib.metadata import version

import gguf, numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType as Tensor, LlamaFileType as File

values, rows = 64, 96
writer = gguf.GGUFWriter("small.gguf", "llama")
writer.add_file_type(File.MOSTLY_Q8_0)
weight = np.random.default_rng(0).normal(size=(rows, values)).astype("f4")
writer.add_tensor("blk.0.attn_q.weight", gguf.quants.quantize(weight, Tensor.Q8_0), raw_dtype=Tensor.Q8_0)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()

reader = gguf.GGUFReader("small.gguf")
said = int(reader.fields["general.file_type"].contents())
tensor = reader.tensors[0]
print(f"general.file_type {said}: as a file {File(said).name}, as a tensor {Tensor(said).name};"
      f" the tensor itself is {tensor.tensor_type.name} ({int(tensor.tensor_type)})")
assert said == 7 and File(said) is File.MOSTLY_Q8_0 and Tensor(said) is Tensor.Q5_1
assert tensor.tensor_type is Tensor.Q8_0 and int(tensor.tensor_type) == 8 == int(File.MOSTLY_Q5_0)
print(f"shape {tensor.shape.tolist()}, data {tensor.data.shape} bytes, written {weight.shape}")
assert tensor.shape.tolist() == [values, rows] and tensor.data.shape == (rows, values // 32 * 34)

bits = {t.name: 8 * size / block for t, (block, size) in GGML_QUANT_SIZES.items()}
for kind in File:
    name = kind.name.removeprefix("MOSTLY_")
    base = next((b for b in (name, name[:-2]) if b in bits), None)
    taken = Tensor(kind.value).name if kind.value in set(Tensor) else None
    if base and taken and bits[base] != bits[taken]:
        print(f"{kind.value:>3}: file {name}, {bits[base]:.4g} bits; tensor {taken}, {bits[taken]:.4g} bits")
factor = {n: bits[Tensor(n).name] / bits[b] for n, b in ((7, "Q8_0"), (8, "Q5_0"), (14, "Q4_K"), (15, "Q4_K"))}
print("weights by the wrong table:", {n: round(f, 2) for n, f in factor.items()})
assert Tensor(14).name == "Q6_K" and File(14).name == "MOSTLY_Q4_K_S"
assert round(factor[7], 2) == 0.71 and factor[8] > 1.5 and factor[15] > 2 and version("gguf") == "0.19.0"
PY
