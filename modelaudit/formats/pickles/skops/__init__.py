"""The reader of ``schema.json`` in a file of skops, a ZIP archive that rebuilds scikit-learn models without pickle."""
