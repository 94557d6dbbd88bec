"""Models of TensorFlow in binary and text form: what their graphs name, their assets, what Keras keeps in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelaudit.formats.embedded import DecodedWindow, decode_content
from modelaudit.formats.graphs.tensorflow import recognise
from modelaudit.formats.graphs.tensorflow.mentions import mentions_of, references_of
from modelaudit.formats.graphs.tensorflow.paths import Wiring
from modelaudit.formats.graphs.tensorflow.saved import Saved
from modelaudit.formats.graphs.tensorflow.text_schema import encoded
from modelaudit.formats.pickles.pickle.search import SEARCH
from modelaudit.model.address import join_found, join_member
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Outline, References
from modelaudit.wire.base import HEAD_BYTES, DamagedError, Head, LimitReachedError, Reading
from modelaudit.wire.documents import read_whole_text
from modelaudit.wire.protobuf import Message
from modelaudit.wire.windows import SubWindow, get_budget, make_opener

FORMAT: Final = "tensorflow"
_MOST_METADATA: Final = 10_000


def recognises(head: Head) -> bool:
    """Whether the bytes are a graph or a SavedModel."""
    return bool(recognise.binary_kinds(head))


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield what the file names; where it breaks off, what it names up to there."""
    failure: DamagedError | WindowError | None = None
    for kind in recognise.binary_kinds(Head(artifact.path, artifact.content, b"", window)):
        try:
            yield from _judged(artifact, window, limits, kind, False)
        except (DamagedError, WindowError) as error:
            failure = failure or error
    if failure is not None:
        raise failure


def recognises_text(head: Head) -> bool:
    """Whether the text is a graph or a SavedModel."""
    return recognise.text_kind(head) is not None


def read_text(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """The same, for the text form."""
    kind = recognise.text_kind(Head(artifact.path, artifact.content, window.read(0, HEAD_BYTES), window))
    text, _, _ = read_whole_text(window, limits)
    binary, failure = encoded(text, str(kind), limits)
    yield from _judged(artifact, DecodedWindow(binary, get_budget(window, limits)), limits, str(kind), True)
    if failure is not None:
        raise failure


def _judged(artifact: Artifact, window: Window, limits: Limits, kind: str, is_text: bool) -> Iterator[Reading]:
    saved = Saved()
    failure: DamagedError | WindowError | None = None
    try:
        _gather(saved, Message.from_window(window), kind)
    except (DamagedError, WindowError) as error:
        failure = error
    functions = sum(1 for graph in saved.graphs.graphs if graph.name)
    counts = (("operators", str(saved.graphs.count)), ("functions", str(functions)))
    facts = (("message", kind), *saved.facts.items(), *counts)
    wiring = Wiring(saved)
    yield Outline(FORMAT, mentions_of(saved, wiring, is_text), facts)
    references = references_of(saved, wiring, is_text)
    if references:
        yield References(FORMAT, references)
    yield from _inner(artifact, saved, window, limits)
    if not is_text:
        yield from SEARCH.read(artifact, window, limits)
    if failure is not None:
        raise failure


def _gather(saved: Saved, message: Message, kind: str) -> None:
    match kind:
        case recognise.SAVED_MODEL:
            saved.saved_model(message)
            if not saved.graphs.graphs:
                raise DamagedError("it holds no graph")
        case recognise.META_GRAPH:
            saved.meta_graph(message)
        case recognise.GRAPH:
            saved.graphs.read(message)
        case recognise.KERAS_METADATA:
            saved.keras_metadata(message)
        case _:
            for _ in message.fields():  # nothing but digests and numbers; read for damage
                pass


def _inner(artifact: Artifact, saved: Saved, window: Window, limits: Limits) -> Iterator[Artifact]:
    """The JSON that Keras keeps of its layers, each text once, and pickles and archives in collections."""
    budget = get_budget(window, limits)
    seen: set[bytes] = set()
    for number, metadata in enumerate(saved.metadata):
        body = SubWindow(window, metadata.start, metadata.size, budget)
        text = metadata.raw(limits.read_bytes)
        if text not in seen:
            if len(seen) >= _MOST_METADATA:
                raise LimitReachedError(f"Keras keeps more than {_MOST_METADATA} texts in it", metadata.start)
            seen.add(text)
            yield Artifact(join_member(artifact.path, f"layer-{number}.json"), body.size, make_opener(body))
    for kept in saved.kept:
        body = SubWindow(window, kept.start, kept.size, budget)
        content = decode_content(body, limits)
        if content is not None:
            path = join_found(artifact.path, content.format, kept.start)
            yield Artifact(path, content.window.size, make_opener(content.window))
