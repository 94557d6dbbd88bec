"""TensorFlow: graphs, functions, saved models in binary and text form, and checkpoints."""
