"""The demo: a made-up shop that lives on, and the story that is told with it."""
