"""Wire forms of the networks: schema files and what loads them, offline."""
