"""Analyse Jinja templates by their syntax tree: accesses, rendering cost, notable text. No template is rendered.

``template.read_template`` takes the text of one template and returns an outline of its mentions, with an absence for
the part that was not analysed. ``documents.INTERPRETER`` finds templates in the values of JSON and YAML. Readers of
template files, GGUF metadata and tokenizer configurations call them.

The analysis has four parts over one tree: ``accesses`` (attributes, methods, filters, names), ``costs`` (loops and
lengths), ``notable_text`` (addresses, commands, instructions against the user) and ``conditions`` (text that depends on
the words of a message). All of them ask ``folding`` for the constants that an expression can be.
"""
