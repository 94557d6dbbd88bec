"""Python source files, recognized by their names or their first line."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import TEXT_EXTENSIONS, Declaration, Sign

ENDINGS: Final = (".py", ".pyw", ".pyi", ".py.txt", ".py3", "sconstruct", "sconscript", "wscript", ".wsgi", ".tac")
"""Ends of names under which Python code runs: SCons, Waf, servers of web applications and Twisted have their own."""

DECLARATIONS: Final = (
    Declaration(
        "python",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.reader:recognises",
        signs=(Sign(path=ENDINGS), Sign(path=(".pth",), is_text=True), Sign((b"#!",), is_text=True)),
        extensions=TEXT_EXTENSIONS,
    ),
)
