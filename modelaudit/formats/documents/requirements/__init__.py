"""The reader of lists of requirements: what ``pip install -r`` fetches from elsewhere than an index of packages."""
