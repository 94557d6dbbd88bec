"""Regular expressions that are compiled at their first use: a run needs few of those that modules and rules hold."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Any, AnyStr, cast


class LazyPattern:
    """A regular expression with the attributes of ``re.Pattern``, compiled when one other than its text is used.

    Compiling an invalid one raises ``re.error`` at its first use, so that whoever reads one from a file of a user
    compiles it at once.

    Attributes:
        pattern: the text of the expression.
        given_flags: the flags that it is compiled with.
    """

    def __init__(self, pattern: str | bytes, flags: int = 0) -> None:
        self.pattern = pattern
        self.given_flags = flags

    @property  # type: ignore[misc] # that of ``object`` can be set
    def __class__(self) -> type:
        """Pass a check of types that asks for the compiled expression, whose attributes this has."""
        return re.Pattern

    @cached_property
    def compiled(self) -> re.Pattern[Any]:
        """The compiled expression."""
        return re.compile(self.pattern, self.given_flags)

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the compiled expression, and keep it: the next use costs no call of ours."""
        if name.startswith("__"):
            raise AttributeError(name)
        value = self.__dict__[name] = getattr(self.compiled, name)
        return value

    def __repr__(self) -> str:
        """Show the text of the expression."""
        return f"LazyPattern({self.pattern!r})"


def defer_pattern(pattern: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Return a pattern that is compiled at its first use; it has every attribute of ``re.Pattern``.

    The patterns of modules and of rules that the project ships are deferred: compiling all of them takes a fifth of
    the time of a small scan.

    Args:
        pattern: the text of the expression.
        flags: those of ``re.compile``.
    """
    return cast("re.Pattern[AnyStr]", LazyPattern(pattern, flags))
