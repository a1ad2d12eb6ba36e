"""Run the command line as ``python -m lutloom``."""

import sys

from lutloom.cli import main

if __name__ == "__main__":
    sys.exit(main())
