"""Notes calls as what they are: ordinary, of a name that was hidden, of what was decoded or fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modelaudit.languages.python import attack_texts, call_variants, name_resolution, name_tables, uses
from modelaudit.languages.python.call import Call
from modelaudit.languages.python.values import Constant, ExternalName, Value, collect_tags, list_alternatives

if TYPE_CHECKING:
    from modelaudit.languages.python.follow import Follower


_ENVIRONMENT: Final = frozenset(
    {"os.getenv", "os.environ.get", "os.environ.pop", "os.getenvb", "os.environ.__getitem__"}
)
_HOMES: Final = (
    "https://huggingface.co/", "https://api-inference.huggingface.co/", "https://router.huggingface.co/",
    "https://api.openai.com/", "https://api.anthropic.com/", "https://api.github.com/", "https://generativelanguage.googleapis.com/",
)  # fmt: skip


def opens_secret(call: Call) -> bool:
    """Whether a file is opened in which secrets are kept."""
    if call.name.rpartition(".")[2] not in ("open", "Path", "read_text", "fdopen"):
        return False
    paths = [each.value for each in call.args[:1] if isinstance(each, Constant) and isinstance(each.value, str)]
    return any(name in attack_texts.SECRET_PLACES for path in paths for name, _ in attack_texts.find_attack_texts(path))


def reads_secret(call: Call) -> bool:
    """Whether a variable of the environment is asked for whose name says that it holds a secret."""
    first = call.argument(0, "key")
    return (
        call.name in _ENVIRONMENT
        and isinstance(first, Constant)
        and name_resolution.is_secret_variable(str(first.value))
    )


def _goes_home(call: Call) -> bool:
    """Whether it is sent to a service that hands out such secrets itself."""
    texts_given = [each.value for each in call.args[:2] if isinstance(each, Constant) and isinstance(each.value, str)]
    return any(text.startswith(_HOMES) for text in texts_given)


def _sent(call: Call) -> frozenset[str]:
    """What flows into what is sent; a token with which a caller names itself is none of it.

    A library takes it under a name of its own. In a header it may be one as long as nobody knows to whom it goes.
    """
    is_known = any(isinstance(each, Constant) for each in call.args[:2])
    names_itself = {"token", "use_auth_token", "auth"} | (set() if is_known else {"headers"})
    given = [value for name, value in call.by_name.items() if name not in names_itself]
    return frozenset().union(*(collect_tags(each) for each in (*call.args, *given)))


def note(call: Call, to: Follower) -> None:
    """Note a call as what it is: ordinary, of a name that was hidden, of what was decoded or fetched."""
    name = call_variants.name_variant(call)
    if not name:
        return
    use = uses.HIDDEN if call.is_hidden else uses.CALL
    takes = call.name in name_tables.COMMANDS or call.name in name_tables.LOADERS or call.name in name_tables.EVALUATORS
    is_import = call.name in name_tables.IMPORT_LOCATIONS and call.flows & {"network", "hub"}
    if is_import or (takes and "network" in call.flows):
        use = uses.OF_DOWNLOAD
    elif takes and "decoded" in call.flows:
        use = uses.OF_DECODED
    to.log.record(use, name, call.line, call.detail)
    if call.name in name_tables.SENDERS and "secret" in _sent(call) and not _goes_home(call):
        to.log.record(uses.SENDS_SECRET, name, call.line, call.detail)


def start(value: Value, line: int, to: Follower) -> None:
    """Note that a function of another module is called by whoever it is handed to."""
    for each in list_alternatives(value):
        if isinstance(each, ExternalName) and not each.is_result and not each.name.startswith("builtins."):
            note(Call(each.name, (), {}, line, each.is_hidden), to)


def given_by(call: Call) -> frozenset[str]:
    """What flows into what a call returns."""
    flows = call.tags | call.flows | name_tables.RESULT_TAGS.get(call.name, frozenset())
    if call.name in name_tables.SECRET_RESULTS or opens_secret(call) or reads_secret(call):
        flows |= {"secret"}
    if call.name in name_tables.DECODING_FUNCTIONS:
        flows |= {"decoded"}
    if call.name in name_tables.PATH_BUILDERS:
        flows |= frozenset().union(*map(call_variants.tag_path, call.args))
    return flows
