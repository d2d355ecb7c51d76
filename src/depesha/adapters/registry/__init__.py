"""The administration's own registry: its API, webhooks, a small built-in one."""
