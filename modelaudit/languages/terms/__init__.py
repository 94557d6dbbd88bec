"""Facts about licence and base models in files of any format: texts, and keys of metadata and settings.

Readers of formats pass metadata pairs and texts in; ``Prose`` and ``Statements`` come out. Nothing is concluded here:
``modelaudit.licenses`` turns these facts into claims.
"""
