"""Python source, evaluated symbolically: what it imports and calls, when, and under which disguise. Nothing runs.

``analysis.analyze_source`` is the entry. It parses a text (``source``), visits the syntax tree (``evaluator``) and
returns mentions of the vocabulary ``python-code`` (``uses``). Text that does not parse is searched for names
(``unparsed_names``).
"""
