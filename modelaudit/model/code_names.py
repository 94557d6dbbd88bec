"""The names of files that loaders and people run, or that hold code."""

from __future__ import annotations

from typing import Final

CODE_EXTENSIONS: Final = frozenset(
    {".bash", ".bat", ".bin", ".ckpt", ".cmd", ".dill", ".dll", ".dylib", ".exe", ".ipynb", ".joblib", ".pickle",
     ".pkl", ".ps1", ".pt", ".pth", ".py", ".pyc", ".pyd", ".pyw", ".sh", ".so", ".zsh"}
)  # fmt: skip


def has_code_name(path: str) -> bool:
    """Whether the extension of a file is that of code, or of a format that holds code."""
    return path.rpartition("/")[2].lower().endswith(tuple(CODE_EXTENSIONS))
