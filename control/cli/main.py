"""The command ``presence``: its commands, and how every failure becomes one clear message and an exit code."""

import sys
from collections.abc import Sequence

import typer

from control.cli import connect, demo, doctor, reference, run, schema, settings, token, up, watch
from control.cli.exit_codes import ExitCode, exit_code
from presence.domain.errors import PresenceError

app = typer.Typer(
    name="presence",
    help="Who is here, since when, on what, and doing what; provable later.\n\nStart with:  presence up",
    epilog="Every command explains itself:  presence COMMAND --help",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    # A traceback is for --debug; see `main`.
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def root(
    debug: bool = typer.Option(False, "--debug", help="Show tracebacks. Works at any place of the command line."),
) -> None:
    """Who is here, since when, on what, and doing what; provable later.

    Start with:  presence up
    """


for module in (up, connect, watch, demo, doctor, token, settings, run, schema, reference):
    module.register(app)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    try:
        app([part for part in given if part != "--debug"], prog_name="presence")
    except SystemExit as exc:
        return exc.code if isinstance(exc.code, int) else ExitCode.OK
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # Whoever read us (`presence watch | head`) has seen enough. Nothing more can be written, not even at exit.
        sys.stdout = None
        return ExitCode.OK
    except PresenceError as exc:
        if debug:
            raise
        print(f"error: {exc}", file=sys.stderr)
        return exit_code(exc)
    except Exception as exc:
        if debug:
            raise
        kind = type(exc).__name__
        print(f"error: unexpected {kind}: {exc}\n  Run it again with --debug for the traceback.", file=sys.stderr)
        return ExitCode.INTERNAL
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(main())
