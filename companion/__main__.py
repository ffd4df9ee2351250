"""The command line: python -m companion doctor, progress."""

from __future__ import annotations

import argparse
import sys


def main() -> int:
    """Do what the command line asks for, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m companion", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("doctor", help="say what is installed, and how to mend what is wrong")
    commands.add_parser("progress", help="say which exercises you have solved")
    choice = parser.parse_args()
    if choice.command == "doctor":  # each command loads only what it needs
        from companion import doctor

        report = doctor.examine()
        print(report)
        return int(not report.healthy)
    from companion.checks import progress

    print(progress.summary())
    return 0


if __name__ == "__main__":
    sys.exit(main())
