"""The command line `keras-xai VERB`; a verb's heavy imports wait until it runs."""

import argparse
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from keras_xai import __version__
from keras_xai.cli import (
    compare,
    crop,
    decode,
    demo,
    explain,
    generate,
    report,
    reproduce,
    train,
)
from keras_xai.errors import InputError, InputWarning

VERBS = {
    "generate": generate,
    "crop": crop,
    "train": train,
    "explain": explain,
    "compare": compare,
    "decode": decode,
    "report": report,
    "reproduce": reproduce,
    "demo": demo,
}


def main(arguments: list[str] | None = None) -> int:
    """Runs one verb.

    Args:
        arguments: the command line without the program's name; by default `sys.argv`.

    Returns:
        Exit code: 0 when done, 2 on bad input or when memory ran out, 130 on Ctrl-C.
        A SIGTERM ends it with 143, once what is half-done is removed.
    """
    parser = argparse.ArgumentParser(
        prog="keras-xai",
        description="Explanations that are part of a Keras model, or decoded from one.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name, module in VERBS.items():
        summary = (module.__doc__ or "").splitlines()[0]
        verb = verbs.add_parser(
            name,
            help=summary,
            description=summary,
            formatter_class=_HelpFormatter,
        )
        module.add_arguments(verb)
        verb.add_argument("--quiet", action="store_true", help="print the result only")
    args = parser.parse_args(arguments)

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's start-up notes
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    try:
        with warnings.catch_warnings(), _unwinding():
            _tell_warnings(args.verb)
            result = VERBS[args.verb].run(args)
    except (InputError, OSError) as error:
        message = " ".join(str(error).split())
        if isinstance(error, OSError) and error.filename is not None:
            message = f"{error.filename2 or error.filename}: {error.strerror}"
        print(f"keras-xai {args.verb}: {message}", file=sys.stderr)
        return 2
    except Exception as error:
        # TensorFlow's is known by its name: most verbs have not imported it.
        if type(error).__name__ not in ("MemoryError", "ResourceExhaustedError"):
            raise
        print(
            f"keras-xai {args.verb}: Memory ran out; expected room for the images that "
            "are worked on at a time. A smaller batch or image size needs less.",
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt:
        print(f"keras-xai {args.verb}: interrupted", file=sys.stderr)
        return 130
    try:
        print(result, flush=True)
    except BrokenPipeError:  # the reader has enough, such as `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


class _HelpFormatter(argparse.ArgumentDefaultsHelpFormatter):
    """Adds an option's default where there is one."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default is None or action.default is False or action.default == []:
            return action.help
        return super()._get_help_string(action)


@contextmanager
def _unwinding() -> Iterator[None]:
    """Ends by an exception on SIGTERM, so that unfinished folders are removed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _tell_warnings(verb: str) -> None:
    """Shows what is left out of the input in one sentence, as errors are."""
    show_others = warnings.showwarning

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if issubclass(category, InputWarning):
            print(f"keras-xai {verb}: {message}", file=sys.stderr)
        else:
            show_others(message, category, filename, lineno, file, line)

    warnings.simplefilter("always", InputWarning)
    warnings.showwarning = show
