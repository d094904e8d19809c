"""Floor 3: what we will do. A plan is data: frozen, sorted, digestible; it never does anything itself."""
