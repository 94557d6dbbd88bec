"""Models of TensorFlow Lite: the operators that they call by name, and whether indices and offsets stay inside."""
