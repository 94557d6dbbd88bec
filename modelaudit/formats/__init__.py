"""Decode file formats into structures, one folder for each format. No code here judges or executes content.

``registry`` collects the declarations of all formats, and offers their readers. A reader takes an artifact with its
bytes and yields structures, absences and further artifacts.
"""
