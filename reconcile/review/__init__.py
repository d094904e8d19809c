"""What people see of a plan where they judge it: the comment of a pull request, and the report.

One page is composed of a plan's face and written down in two forms. Names come from an account and a spec, and may be
anything: every form escapes what it is given, by its template engine, and not where somebody remembers to.
"""
