"""Floor 2: what is wanted and what is there, as two tables of one shape, and what differs between them.

Rows live here as tables in the workspace and never become Python objects. No vendor, no HTTP, no files of the user:
sources and accounts come in through the protocols of `state.model`.
"""
