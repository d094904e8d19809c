"""Floor 1: what the user says. Files in, one frozen `Spec` out, or every problem with its place.

Knows no database, no engine and no vendor's API. YAML is read in `load` and nowhere else.
"""
