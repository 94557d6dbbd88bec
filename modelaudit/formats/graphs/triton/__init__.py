"""Settings in the text form of protocol buffers: how Triton serves a model, and names of classes."""
