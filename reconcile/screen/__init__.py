"""What people and pipes see: plain lines, bars where there is a terminal, JSON lines where they were asked for.

Results go to standard output, progress and errors to standard error. No wording of plans lives here (`plan.explain`).
Here stands what every command prints with; the words of each thing that is shown have a file of their own, imported by
whoever shows it.
"""

from __future__ import annotations

from reconcile.screen.printing import document, error, event, lines

__all__ = ["document", "error", "event", "lines"]
