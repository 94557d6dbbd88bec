"""Languages that can occur inside any format: Python, shell, Jinja, configurations, terms, secrets."""
