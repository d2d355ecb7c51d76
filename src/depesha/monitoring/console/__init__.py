"""The operators' console: server-rendered pages for people. Reads by ports, decides nothing."""
