"""Writers, one for each group of libraries; every module has one function ``write_samples(samples)``."""
