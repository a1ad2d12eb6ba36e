"""Files: every reader has a size cap and one clear line of refusal, every writer is all or nothing.

`atomic` writes, `bounded` reads, `model_state` holds the trained state (safetensors) and
`network_onnx` the lowered network (ONNX).
"""
