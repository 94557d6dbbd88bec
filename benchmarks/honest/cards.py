"""Register the repositories of honest publishers, and write the card and the licence text of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

Writer = Callable[[Path], None]
_MIT = """MIT License

Copyright (c) 2026 Example Lab

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
"""
_SENTENCES = {
    "apache-2.0": "This model is licensed under the Apache License 2.0.",
    "mit": "The code and the weights are released under the MIT License.",
    "bsd-3-clause": "Released under the BSD 3-Clause License.",
    "cc-by-4.0": "The weights are available under CC BY 4.0. Please credit Example Lab.",
    "llama3.1": "Built with Llama. Use is governed by the Llama 3.1 Community License.",
    "agpl-3.0": "Released under the GNU Affero General Public License v3.0.",
    "bsd-3-clause-clear": "Released under the BSD 3-Clause Clear License.",
    "gpl-3.0": "Released under the GNU General Public License v3.0.",
    "gemma": "Gemma is provided under and subject to the Gemma Terms of Use found at ai.google.dev/gemma/terms.",
}


@dataclass(frozen=True, slots=True)
class Card:
    """The front matter of a card.

    Attributes:
        has_text: whether a licence text lies beside the card.
        base_model: the repository of the model that this one was fine-tuned from; empty for none.
    """

    license: str
    library: str
    task: str
    has_text: bool
    base_model: str
    name: str


WRITERS: dict[str, tuple[Card, Writer]] = {}


def repository(
    license_: str, library: str, task: str, *, text: bool = False, base: str = "", name: str = ""
) -> Callable[[Writer], Writer]:
    """Register a function that writes the files of one repository."""

    def register(write: Writer) -> Writer:
        repository = name or write.__name__.removeprefix("_write_").replace("_", "-")
        WRITERS[repository] = (Card(license_, library, task, text, base, repository), write)
        return write

    return register


def write_card(folder: Path, card: Card) -> None:
    """Write README.md, and LICENSE where the card has a text."""
    front = [f"license: {card.license}", f"library_name: {card.library}", f"pipeline_tag: {card.task}", "language: en"]
    if card.base_model:
        front.append(f"base_model: {card.base_model}")
    origin = f", fine-tuned from {card.base_model}" if card.base_model else ""
    body = f"""# {card.name}

A small model for {card.task.replace("-", " ")}{origin}, saved with {card.library}.

## Intended use

Load it with {card.library}. It is small, so test it on your own data before you rely on it.

## Training

Trained for three epochs with a learning rate of 2e-5 and a batch size of 16 on one GPU.

| epoch | loss | accuracy |
|---|---|---|
| 1 | 0.41 | 0.83 |
| 3 | 0.27 | 0.89 |

## Limitations

It may repeat biases of its training data, and it was evaluated on English text only.

## License

{_SENTENCES[card.license]}
"""
    (folder / "README.md").write_text("---\n" + "\n".join(front) + f"\n---\n\n{body}", encoding="utf-8")
    if card.has_text:
        text = _MIT if card.license == "mit" else _read_apache()
        (folder / "LICENSE").write_text(text, encoding="utf-8")


def _read_apache() -> str:
    """Return the text of Apache-2.0 as an installed library ships it. Raises ``LookupError`` if none does."""
    for name in ("transformers", "requests"):
        try:
            files = distribution(name).files or []
        except PackageNotFoundError:
            continue
        return next(file.read_text() for file in files if file.name == "LICENSE" and "dist-info" in str(file))
    raise LookupError("no installed library ships the text of Apache-2.0")
