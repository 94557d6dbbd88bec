"""Markdown, with the model card that its front matter makes of a README."""
