"""``config.cfg`` of spaCy and thinc: sections of ``key = value``, whose values are JSON, and which name functions."""
