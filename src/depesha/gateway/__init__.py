"""The decisions: what happens to a message, in which order. No I/O library."""
