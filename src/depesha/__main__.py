"""`python -m depesha`: the same as the `depesha` command."""

from __future__ import annotations

import sys

from depesha.cli import run


def main() -> None:
    """Run the command line and end the process with its exit status."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
