"""The words: values and wire forms. No I/O beyond their own schema files."""
