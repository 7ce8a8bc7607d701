"""The API reference: which names are public, what their docstrings say, and the Markdown pages made of it."""
