"""The frame of both command line tools: one-line errors, and outputs that are complete or absent.

In: a main function and its argument parser. Out: exit code 0, or one line `NAME: error: ...` on
stderr with exit code 1 (2 for wrong arguments, 130 for Ctrl-C).
"""

import argparse
import contextlib
import os
import signal
import sys
import tempfile
from pathlib import Path


class UserError(Exception):
    """An error that the user can correct. The text says what is wrong, where, and what to do."""


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, without the usage before them."""

    def error(self, message):
        self.exit(2, f"{self.prog}: error: {one_line(message)}; see {self.prog} --help\n")


def seed(text):
    """An argument type: a whole number from 0 to 2^32 - 1."""
    value = int(text)
    if not 0 <= value < 2**32:
        raise ValueError
    return value


def one_line(text):
    """The first non-empty line of a message, so that a library's long text stays one line."""
    lines = [line.strip() for line in str(text).splitlines() if line.strip()]
    return lines[0] if lines else "no message"


@contextlib.contextmanager
def whole_or_absent(path):
    """Yields a path in a private folder beside `path`; moves it into place only on success.

    The folder also holds a library's side files. It is always removed.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise UserError(f"{path}: the folder {path.parent} does not exist; make it first")
    if path.is_dir():
        raise UserError(f"{path}: is a folder; --out names a file")
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
        temporary = Path(folder) / path.name
        yield temporary
        os.replace(temporary, path)


def note(name, text):
    print(f"{name}: note: {text}", file=sys.stderr)


def run(name, main):
    """Runs `main()`. Every failure gives one line on stderr and a non-zero exit code."""
    # An exception, so that a plain `kill` also removes the temporary folder.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        main()
    except UserError as error:
        sys.exit(f"{name}: error: {one_line(error)}")
    except KeyboardInterrupt:
        print(f"{name}: error: interrupted, nothing written", file=sys.stderr)
        sys.exit(130)
    except OSError as error:
        sys.exit(f"{name}: error: {error.filename or 'file system'}: {error.strerror or one_line(error)}")
    except Exception as error:
        # Libraries raise many kinds of exception; the user sees the first line, not a traceback.
        sys.exit(f"{name}: error: {type(error).__name__}: {one_line(error)}")
