"""Floor 4: doing it, and looking back. Knows actions and receipts; of the account only the protocol `Executor`."""
