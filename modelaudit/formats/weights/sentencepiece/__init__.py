"""Models of SentencePiece: pieces of words with their scores, and how text is split into them. Nothing in them runs."""
