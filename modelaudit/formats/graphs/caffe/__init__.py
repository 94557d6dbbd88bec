"""Networks of Caffe in text and binary form: layers by their type, and the Python that some layers call."""
