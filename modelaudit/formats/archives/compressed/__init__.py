"""Files that are one compressed content: gzip, bzip2, xz, LZMA, zlib, LZ4 and Zstandard, by one mechanism."""
