"""What installing a folder runs and fetches: ``pyproject.toml`` (PEP 517, 518 and 621) and ``setup.cfg``."""
