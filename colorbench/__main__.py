"""How a command begins and ends: its exit code, Ctrl-C at any moment, and every error as one line.

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 stopped by Ctrl-C.
"""

import atexit
import gc
import io
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_GO_ON = ("run", "calibrate", "retest", "score", "compare", "colorize")
_SHOW_UNTIL_CTRL_C = ("serve", "status")
_EVERYWHERE = ("-q", "--quiet", "-v", "--verbose")


def main() -> None:
    """Run the command line. An error is one line on standard error; `-v` shows where it comes from."""
    arguments = _everywhere_first(sys.argv[1:])
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names of files may be of any bytes, as on standard error
    atexit.register(gc.freeze)  # at the end, a search for cycles among all that torch has loaded takes seconds
    os.environ.setdefault("COLORBENCH_COMPILE", "0")  # a command gives the same bits however long it runs
    with _interrupts() as interrupted:
        try:
            from colorbench.cli import app

            app(arguments, prog_name="colorbench")
        except SystemExit as end:
            if interrupted() and end.code:
                _stop(arguments, end)
            raise
        except BaseException as error:
            if interrupted() or isinstance(error, KeyboardInterrupt):
                _stop(arguments, error)
            _fail(arguments, error)


@contextmanager
def _interrupts() -> Iterator[Callable[[], bool]]:
    """Yield a function that says whether Ctrl-C was pressed: a library that it interrupts may raise another error instead.

    Afterwards, a second Ctrl-C ends the process at once. Where Ctrl-C is ignored, as in a background job, nothing changes.
    """
    asked: list[int] = []

    def ask(number: int, frame: object) -> None:
        asked.append(number)
        raise KeyboardInterrupt

    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield lambda: False
        return
    signal.signal(signal.SIGINT, ask)
    try:
        yield lambda: bool(asked)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL if asked else signal.default_int_handler)


def _stop(arguments: list[str], error: BaseException) -> None:
    """Say that Ctrl-C ended the command, and what the same command does."""
    from colorbench.errors import Stopped

    text = str(error) if isinstance(error, Stopped) else _after(_verb(arguments))
    _say(f"stopped; {text}" if text else "stopped")
    eval("0")  # else Python ends by a signal, not by the status below, where Ctrl-C fell into code made by `exec`
    sys.exit(130)


def _fail(arguments: list[str], error: BaseException) -> None:
    from colorbench.errors import explain

    if {"-v", "--verbose"} & set(arguments):
        import traceback

        traceback.print_exc()
    text, status = explain(error)
    _say(text)
    sys.exit(status)


def _verb(arguments: list[str]) -> str:
    """The command in these arguments, such as `run`, or `build` of `leaderboard build`."""
    words = [argument for argument in arguments if not argument.startswith("-")]
    return words[1] if words[:1] == ["leaderboard"] and len(words) > 1 else "".join(words[:1])


def _after(verb: str) -> str:
    """What the same command would do after Ctrl-C."""
    if verb in _GO_ON:
        return "the same command goes on from here"
    return "" if verb in _SHOW_UNTIL_CTRL_C else "the same command starts over"


def _everywhere_first(arguments: list[str]) -> list[str]:
    """-q and -v may stand before the verb or behind it.

    >>> _everywhere_first(["run", "mini", "-q", "--", "-v"])
    ['-q', 'run', 'mini', '--', '-v']
    """
    end = arguments.index("--") if "--" in arguments else len(arguments)
    first = [argument for argument in arguments[:end] if argument in _EVERYWHERE]
    return [*first, *(argument for argument in arguments[:end] if argument not in _EVERYWHERE), *arguments[end:]]


def _say(text: str) -> None:
    """A line on standard error, red on a terminal. Names in it may hold terminal codes, which are escaped."""
    red, plain = ("\033[31m", "\033[0m") if sys.stderr.isatty() and not os.environ.get("NO_COLOR") else ("", "")
    from colorbench.files import printable

    print(f"{red}colorbench: {printable(text)}{plain}", file=sys.stderr)


if __name__ == "__main__":
    main()
