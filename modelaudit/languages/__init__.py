"""Analyse the languages that can occur inside any format: Python, shell, Jinja, configurations, terms, secrets.

Format readers call these packages with decoded text or with the settings of a document. They return mentions,
references and absences. No language imports a format, and no text is executed, imported or rendered.
"""
