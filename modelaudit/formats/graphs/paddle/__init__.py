"""Models of PaddlePaddle: programs of operators with their blocks, and files of parameters beside them."""
