"""Texts that agents follow: hidden ones in any document, and the prose of files that are written for agents."""
