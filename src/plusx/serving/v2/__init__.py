"""The Open Inference Protocol, version 2, over HTTP with the binary tensor data extension.

Sources: the protocol, https://github.com/kserve/open-inference-protocol; its extension, `extension_binary_data.md` in
https://github.com/triton-inference-server/server/tree/main/docs/protocol.
"""
