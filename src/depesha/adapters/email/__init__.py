"""Signed e-mail, the last road: letters that people and programs can both read and verify."""
