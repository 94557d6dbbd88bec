"""Notes calls as what they are: ordinary, of a name that was hidden, of what was decoded or fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelaudit.readers.python import tables, texts, uses, variants
from modelaudit.readers.python.call import Call
from modelaudit.readers.python.values import Constant

if TYPE_CHECKING:
    from modelaudit.readers.python.follow import Follower


def opens_secret(call: Call) -> bool:
    """Whether a file is opened in which secrets are kept."""
    if call.name.rpartition(".")[2] not in ("open", "Path", "read_text", "fdopen"):
        return False
    paths = [each.value for each in call.args[:1] if isinstance(each, Constant) and isinstance(each.value, str)]
    return any(name in texts.SECRET_PLACES for path in paths for name, _ in texts.telling(path))


def note(call: Call, to: Follower) -> None:
    """Note a call as what it is: ordinary, of a name that was hidden, of what was decoded or fetched."""
    name = variants.name_of(call)
    if not name:
        return
    use = uses.HIDDEN if call.hidden else uses.CALL
    takes = call.name in tables.COMMANDS or call.name in tables.LOADERS or call.name in tables.EVALUATORS
    is_import = call.name in tables.IMPORT_PATHS and call.flows & {"network", "hub"}
    if is_import or (takes and "network" in call.flows):
        use = uses.OF_DOWNLOAD
    elif takes and "decoded" in call.flows:
        use = uses.OF_DECODED
    to.log.note(use, name, call.line, call.detail)
    if call.name in tables.SENDERS and "secret" in call.flows:
        to.log.note(uses.SENDS_SECRET, name, call.line, call.detail)
