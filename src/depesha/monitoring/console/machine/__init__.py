"""The console's pages about the machine: participants, channels, queue, quarantine, seals."""
