"""Find web addresses among the words of a command."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.wire.requirement_lines import strip_credentials

_ADDRESS: Final = defer_pattern(r"(?:https?|ftp|ftps)://[^\s\"'<>|;)]{1,500}")
# example.org, example.org:8080/path
_HOST: Final = defer_pattern(r"[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}(?::\d+)?(?:/\S{0,400})?")
_OPTIONS_WITH_OTHER_VALUES: Final = frozenset(
    {"-o", "-O", "--output", "--output-document", "-H", "--header", "-A", "--user-agent"}
)


def find_address(words: Iterable[str]) -> str | None:
    """Return the first web address in the words of a command, without credentials.

    If no word has a scheme, return the first argument that has the form of a host name; ``None`` if there is none.
    """
    host_name = None
    is_option_value = True  # at first, because the name of the program must not count as a host either
    for word in words:
        match = _ADDRESS.search(word)
        if match is not None:
            return strip_credentials(match[0])
        if not is_option_value and host_name is None and _HOST.fullmatch(word):
            host_name = word
        is_option_value = word in _OPTIONS_WITH_OTHER_VALUES
    return host_name
