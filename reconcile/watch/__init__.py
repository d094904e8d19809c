"""Whom a command tells what came of it, besides who runs it: a webhook, a file of metrics, a collector of spans.

Each only where it was asked for. None of them ever changes what a command exits with, and no person is in any of them.
"""
