"""Who gets into the console and how far: log-in, sessions, guards, accounts."""
