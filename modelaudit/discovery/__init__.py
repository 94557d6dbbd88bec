"""Find the models that a code base loads. It reads; it runs nothing, and judges nothing.

``discover`` is the entry. ``code_base`` lists and reads the files, and hands each to the reader of its kind:
``python_uses``, ``notebooks``, ``documents`` (YAML, JSON), ``scripts`` (shell, Dockerfiles, Makefiles, settings line by
line). ``names`` decides which text is the name of a repository. The calls, commands and keys are data:
``rules/discovery.yaml``.
"""

from modelaudit.discovery.code_base import discover

__all__ = ["discover"]
