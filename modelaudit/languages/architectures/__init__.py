"""Facts from which the base model of a model can be recognised: dimensions, vocabulary, special tokens, chat template.

Configurations, tokenizers, GGUF metadata and the names and shapes of tensors state the same facts in different ways.
Each module reads one of them and yields ``ModelTraits``. Nothing is compared here.
"""

from __future__ import annotations
