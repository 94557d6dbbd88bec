"""One file of a code base, with what decides on the texts in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import Struct

from modelaudit.discovery.names import NameReader, RepositoryName
from modelaudit.model.discovery import DiscoveryRules, ModelUse


class CodeFile(Struct, frozen=True):
    """One file of a code base, as the readers of commands, settings and addresses share it.

    Attributes:
        file: its path, as uses spell it.
        folder: its folder below the root of the code base.
        names: decides whether a text is a name.
        rules: the forms of calls, commands and keys.
        read_python: returns the uses of a source of Python that a command holds; ``None`` within such a source.
    """

    file: str
    folder: str
    names: NameReader
    rules: DiscoveryRules
    read_python: Callable[[str], Iterable[ModelUse]] | None = None

    def make_use(
        self,
        name: RepositoryName,
        line: int,
        form: str,
        *,
        revision: str | None = None,
        trusts_remote_code: bool | None = False,
        detail: str = "",
    ) -> ModelUse:
        """Make the use of a name.

        Args:
            name: its own revision comes before ``revision``, and its detail behind ``detail``.
            line: from 1.
            form: the command or key by which the model is loaded.
            revision: that the form states beside the name.
            trusts_remote_code: as ``ModelUse`` has it.
            detail: one clause.
        """
        details = "; ".join(filter(None, (detail, name.detail)))
        revision = name.revision or revision
        return ModelUse(
            self.file, line, form, name.text, name.kind, name.source, revision, trusts_remote_code, details
        )  # fmt: skip
