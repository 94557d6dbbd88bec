"""Analyse shell scripts and the files that give commands to tools, without running any.

``formats/documents/scripts`` and the configuration interpreters call this package with decoded text:
``script.collect_script_mentions`` for POSIX shells, ``windows.collect_windows_mentions`` for PowerShell and the command
prompt, ``recipes`` to convert Dockerfiles and Makefiles to shell text, ``git`` and ``settings_files`` for settings.
They yield ``Mention`` values of the vocabulary ``shell-commands``, each with its line, and ``References`` to files.
"""
