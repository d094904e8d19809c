"""The wing that knows Sailthru: its HTTP API, its limits, its jobs, its quirks (the facts: SAILTHRU.md).

What lives here: how a call is signed, sent, paced and repeated, and what an answer means. What never will: what ought
to be at the account, and whether it should change; that is decided on the floors below, which meet this wing only
through the protocols `state.model.Observable` and `apply.model.Executor`.
"""
