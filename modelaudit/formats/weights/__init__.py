"""Read formats that hold tensors, arrays and tokenizer vocabularies, without reading the numbers themselves."""
