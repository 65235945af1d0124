CREATE TABLE IF NOT EXISTS llama_bench (
  build_commit TEXT,
  build_number INTEGER,
  cpu_info TEXT,
  gpu_info TEXT,
  backends TEXT,
  model_filename TEXT,
  model_type TEXT,
  model_size INTEGER,
  model_n_params INTEGER,
  n_batch INTEGER,
  n_ubatch INTEGER,
  n_threads INTEGER,
  cpu_mask TEXT,
  cpu_strict INTEGER,
  poll INTEGER,
  type_k TEXT,
  type_v TEXT,
  n_gpu_layers INTEGER,
  n_cpu_moe INTEGER,
  split_mode TEXT,
  main_gpu INTEGER,
  no_kv_offload INTEGER,
  flash_attn INTEGER,
  devices TEXT,
  tensor_split TEXT,
  tensor_buft_overrides TEXT,
  load_mode TEXT,
  embeddings INTEGER,
  no_op_offload INTEGER,
  no_host INTEGER,
  fit_target INTEGER,
  fit_min_ctx INTEGER,
  n_prompt INTEGER,
  n_gen INTEGER,
  n_depth INTEGER,
  test_time TEXT,
  avg_ns INTEGER,
  stddev_ns INTEGER,
  avg_ts REAL,
  stddev_ts REAL
);

INSERT INTO llama_bench (build_commit, build_number, cpu_info, gpu_info, backends, model_filename, model_type, model_size, model_n_params, n_batch, n_ubatch, n_threads, cpu_mask, cpu_strict, poll, type_k, type_v, n_gpu_layers, n_cpu_moe, split_mode, main_gpu, no_kv_offload, flash_attn, devices, tensor_split, tensor_buft_overrides, load_mode, embeddings, no_op_offload, no_host, fit_target, fit_min_ctx, n_prompt, n_gen, n_depth, test_time, avg_ns, stddev_ns, avg_ts, stddev_ts) VALUES ('4f1d2c3b', '9100', 'AMD EPYC 9554 64-Core Processor', 'NVIDIA GeForce RTX 4090', 'CUDA', 'models/Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf', 'llama 8B Q4_K - Medium', '4912898304', '8030261312', '2048', '512', '16', '0x0', '0', '50', 'f16', 'f16', '99', '0', 'layer', '0', '0', '1', 'auto', '0.00', 'none', 'mmap', '0', '0', '0', '0', '0', '512', '0', '0', '2026-09-01T10:15:00Z', '55000000', '550000', '9309.090909', '93.090909');
INSERT INTO llama_bench (build_commit, build_number, cpu_info, gpu_info, backends, model_filename, model_type, model_size, model_n_params, n_batch, n_ubatch, n_threads, cpu_mask, cpu_strict, poll, type_k, type_v, n_gpu_layers, n_cpu_moe, split_mode, main_gpu, no_kv_offload, flash_attn, devices, tensor_split, tensor_buft_overrides, load_mode, embeddings, no_op_offload, no_host, fit_target, fit_min_ctx, n_prompt, n_gen, n_depth, test_time, avg_ns, stddev_ns, avg_ts, stddev_ts) VALUES ('4f1d2c3b', '9100', 'AMD EPYC 9554 64-Core Processor', 'NVIDIA GeForce RTX 4090', 'CUDA', 'models/Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf', 'llama 8B Q4_K - Medium', '4912898304', '8030261312', '2048', '512', '16', '0x0', '0', '50', 'f16', 'f16', '99', '0', 'layer', '0', '0', '1', 'auto', '0.00', 'none', 'mmap', '0', '0', '0', '0', '0', '0', '128', '0', '2026-09-01T10:15:00Z', '900000000', '9000000', '142.222222', '1.422222');
INSERT INTO llama_bench (build_commit, build_number, cpu_info, gpu_info, backends, model_filename, model_type, model_size, model_n_params, n_batch, n_ubatch, n_threads, cpu_mask, cpu_strict, poll, type_k, type_v, n_gpu_layers, n_cpu_moe, split_mode, main_gpu, no_kv_offload, flash_attn, devices, tensor_split, tensor_buft_overrides, load_mode, embeddings, no_op_offload, no_host, fit_target, fit_min_ctx, n_prompt, n_gen, n_depth, test_time, avg_ns, stddev_ns, avg_ts, stddev_ts) VALUES ('4f1d2c3b', '9100', 'AMD EPYC 9554 64-Core Processor', 'NVIDIA GeForce RTX 4090', 'CUDA', 'models/Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf', 'llama 8B Q4_K - Medium', '4912898304', '8030261312', '2048', '512', '16', '0x0', '0', '50', 'f16', 'f16', '99', '0', 'layer', '0', '0', '1', 'auto', '0.00', 'none', 'mmap', '0', '0', '0', '0', '0', '512', '0', '4096', '2026-09-01T10:15:00Z', '75000000', '750000', '6826.666667', '68.266667');
INSERT INTO llama_bench (build_commit, build_number, cpu_info, gpu_info, backends, model_filename, model_type, model_size, model_n_params, n_batch, n_ubatch, n_threads, cpu_mask, cpu_strict, poll, type_k, type_v, n_gpu_layers, n_cpu_moe, split_mode, main_gpu, no_kv_offload, flash_attn, devices, tensor_split, tensor_buft_overrides, load_mode, embeddings, no_op_offload, no_host, fit_target, fit_min_ctx, n_prompt, n_gen, n_depth, test_time, avg_ns, stddev_ns, avg_ts, stddev_ts) VALUES ('4f1d2c3b', '9100', 'AMD EPYC 9554 64-Core Processor', 'NVIDIA GeForce RTX 4090', 'CUDA', 'models/Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf', 'llama 8B Q4_K - Medium', '4912898304', '8030261312', '2048', '512', '16', '0x0', '0', '50', 'f16', 'f16', '99', '0', 'layer', '0', '0', '1', 'auto', '0.00', 'none', 'mmap', '0', '0', '0', '0', '0', '0', '128', '4096', '2026-09-01T10:15:00Z', '1050000000', '10500000', '121.904762', '1.219048');
INSERT INTO llama_bench (build_commit, build_number, cpu_info, gpu_info, backends, model_filename, model_type, model_size, model_n_params, n_batch, n_ubatch, n_threads, cpu_mask, cpu_strict, poll, type_k, type_v, n_gpu_layers, n_cpu_moe, split_mode, main_gpu, no_kv_offload, flash_attn, devices, tensor_split, tensor_buft_overrides, load_mode, embeddings, no_op_offload, no_host, fit_target, fit_min_ctx, n_prompt, n_gen, n_depth, test_time, avg_ns, stddev_ns, avg_ts, stddev_ts) VALUES ('4f1d2c3b', '9100', 'AMD EPYC 9554 64-Core Processor', 'NVIDIA GeForce RTX 4090', 'CUDA', 'models/Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf', 'llama 8B Q4_K - Medium', '4912898304', '8030261312', '2048', '512', '16', '0x0', '0', '50', 'f16', 'f16', '99', '0', 'layer', '0', '0', '1', 'auto', '0.00', 'none', 'mmap', '0', '0', '0', '0', '0', '512', '128', '0', '2026-09-01T10:15:00Z', '960000000', '9600000', '666.666667', '6.666667');
INSERT INTO llama_bench (build_commit, build_number, cpu_info, gpu_info, backends, model_filename, model_type, model_size, model_n_params, n_batch, n_ubatch, n_threads, cpu_mask, cpu_strict, poll, type_k, type_v, n_gpu_layers, n_cpu_moe, split_mode, main_gpu, no_kv_offload, flash_attn, devices, tensor_split, tensor_buft_overrides, load_mode, embeddings, no_op_offload, no_host, fit_target, fit_min_ctx, n_prompt, n_gen, n_depth, test_time, avg_ns, stddev_ns, avg_ts, stddev_ts) VALUES ('4f1d2c3b', '9100', 'AMD EPYC 9554 64-Core Processor', 'NVIDIA GeForce RTX 4090', 'CUDA', 'models/Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf', 'llama 8B Q4_K - Medium', '4912898304', '8030261312', '2048', '512', '16', '0x0', '0', '50', 'f16', 'f16', '12', '0', 'layer', '0', '0', '1', 'auto', '0.00', 'none', 'mmap', '0', '0', '0', '0', '0', '512', '0', '0', '2026-09-01T10:15:00Z', '900000000', '9000000', '568.888889', '5.688889');
