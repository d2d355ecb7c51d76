"""The console's office: audit, people, tokens, certificates, settings, runbook and wall."""
