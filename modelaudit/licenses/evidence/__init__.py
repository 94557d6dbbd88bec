"""Claims about licences and base models, read from model cards, metadata, texts and file names.

In come the structures that readers yield (``ModelCard``, ``Statements``, ``Prose``) and the licences of the rule set.
Out come ``LicenseClaim`` values, each with its place and its words, and the statement that the claims of one file make
together. A claim is never a conclusion: ``conclusion/`` compares the claims of all files.
"""
