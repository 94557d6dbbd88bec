"""Read TensorFlow models in binary and text form: their operators, assets, and the Keras configurations in them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from modelaudit.formats.embedded import DecodedWindow, decode_content
from modelaudit.formats.graphs.tensorflow import recognition
from modelaudit.formats.graphs.tensorflow.contents import MOST_ITEMS, ModelContents
from modelaudit.formats.graphs.tensorflow.mentions import (
    MOST_CHECKPOINTS,
    MOST_OPERATORS,
    list_mentions,
    list_references,
)
from modelaudit.formats.graphs.tensorflow.paths import MOST_STEPS, PathResolver
from modelaudit.formats.graphs.tensorflow.text_schema import encode_text
from modelaudit.formats.registry import PICKLE_SEARCH
from modelaudit.model.address import join_embedded, join_member
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Outline, References
from modelaudit.wire.base import HEAD_BYTES, DamagedError, Head, LimitReachedError, Reading
from modelaudit.wire.documents import check_text
from modelaudit.wire.protobuf import Message
from modelaudit.wire.protobuf_schema import claim_message, load_message_schema
from modelaudit.wire.windows import SubWindow, get_budget, make_opener

FORMAT: Final = "tensorflow"
_MOST_METADATA: Final = 10_000


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline of the file as each kind of message that it can be, references, and embedded content.

    Raises:
        DamagedError: the message breaks off; the part before is yielded first.
        LimitReachedError: there are too many nodes, assets or objects.
        WindowError: the window could not return the requested bytes.
    """
    failure: DamagedError | WindowError | None = None
    for kind in recognition.list_binary_kinds(Head(artifact.path, artifact.content, b"", window)):
        try:
            yield from _read_kind(artifact, window, limits, kind, is_text=False)
        except (DamagedError, WindowError) as error:
            failure = failure or error
    if failure is not None:
        raise failure


def read_text(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Encode the text in binary form and read that; see ``read``."""
    kind = recognition.find_text_kind(Head(artifact.path, artifact.content, window.read(0, HEAD_BYTES), window))
    assert kind is not None  # as ``recognises_text`` found
    binary, failure = encode_text(check_text(window, limits), kind, limits)
    binary_window = DecodedWindow(binary, get_budget(window, limits))
    yield from _read_kind(artifact, binary_window, limits, kind, is_text=True)
    if failure is not None:
        raise failure


def _read_kind(artifact: Artifact, window: Window, limits: Limits, kind: str, is_text: bool) -> Iterator[Reading]:
    """Yield the outline, references and embedded content of a message of one kind; see ``read``.

    Args:
        artifact: the file.
        window: the binary form of the message.
        limits: bounds on it.
        kind: the name of the message, such as ``SavedModel``.
        is_text: whether the file is in text form, so that offsets of the binary form would mislead.
    """
    contents = ModelContents()
    failure: DamagedError | WindowError | None = None
    try:
        message = Message.from_window(window)
        _read_message(contents, message, kind)
        if not is_text:
            schema = load_message_schema(Path(__file__).parent)
            claim_message(message, schema, limits.document_nodes, kind)
    except (DamagedError, WindowError) as error:
        failure = error
    functions = [graph for graph in contents.graphs.graphs if graph.name]
    counts = (("operators", str(contents.graphs.node_count)), ("functions", str(len(functions))))
    facts = (("message", kind), *contents.facts.items(), *counts)
    resolver = PathResolver(contents)
    mentions, has_more_operators = list_mentions(contents, resolver, is_text)
    if has_more_operators:
        failure = failure or LimitReachedError(f"it calls more than {MOST_OPERATORS} distinct operators")
    yield Outline(FORMAT, mentions, facts)
    references, has_more_checkpoints = list_references(contents, resolver, is_text)
    if has_more_checkpoints:
        failure = failure or LimitReachedError(
            f"it restores more than {MOST_CHECKPOINTS} checkpoints outside the model"
        )
    if resolver.is_exhausted:
        failure = failure or LimitReachedError(
            f"the search for its file paths stopped after {MOST_STEPS} inputs of operators"
        )
    if contents.has_more_values:
        failure = failure or LimitReachedError(f"it has more than {MOST_ITEMS} values in collections")
    if references:
        yield References(FORMAT, references)
    if not is_text:
        yield from PICKLE_SEARCH.read(artifact, window, limits)
    yield from _iter_embedded(artifact, contents, window, limits)
    if failure is not None:
        raise failure


def _read_message(contents: ModelContents, message: Message, kind: str) -> None:
    """Read a message of the given kind into ``contents``."""
    match kind:
        case recognition.SAVED_MODEL:
            contents.read_saved_model(message)
            if not contents.graphs.graphs:
                raise DamagedError("the SavedModel has no graph")
        case recognition.META_GRAPH:
            contents.read_meta_graph(message)
        case recognition.GRAPH:
            contents.graphs.read_graph(message)
        case recognition.KERAS_METADATA:
            contents.read_keras_metadata(message)
        case _:
            for _ in message.fields():  # only digests and numbers, which are parsed to find damage
                pass


def _iter_embedded(artifact: Artifact, contents: ModelContents, window: Window, limits: Limits) -> Iterator[Artifact]:
    """Yield the Keras configurations of layers, each text once, and pickles and archives in collections."""
    budget = get_budget(window, limits)
    seen: set[bytes] = set()
    for number, metadata in enumerate(contents.metadata):
        body = SubWindow(window, metadata.start, metadata.size, budget)
        text = metadata.raw(limits.read_bytes)
        if text not in seen:
            if len(seen) >= _MOST_METADATA:
                raise LimitReachedError(f"it has more than {_MOST_METADATA} Keras configurations", metadata.start)
            seen.add(text)
            yield Artifact(join_member(artifact.path, f"layer-{number}.json"), body.size, make_opener(body))
    for value in contents.collection_values:
        body = SubWindow(window, value.start, value.size, budget)
        content = decode_content(body, limits)
        if content is not None:
            path = join_embedded(artifact.path, content.format, value.start)
            yield Artifact(path, content.window.size, make_opener(content.window))
