"""Real clients against a server that speaks PostgreSQL's protocol; one line for each check.

    WIRE_USER=… WIRE_PASSWORD=… WIRE_TENANT_USER=… WIRE_TENANT_PASSWORD=… python tests/wire/run.py [OPTIONS] HOST PORT

Exits with 1 if any check fails. What the server must offer is in data.py, and what else may be set in README.md.
"""

import argparse
import importlib
import inspect
import signal
import sys
import time
import traceback
from pathlib import Path

import suite

FOLDER = Path(__file__).parent
SECONDS = 120  # for one check


class TooLong(BaseException):
    """Not an Exception, so that no client takes it for an error of its connection."""


def too_long(*_: object) -> None:
    raise TooLong


def results(name: str, function, server: suite.Server) -> suite.Results:
    """Runs a check, and gives what is wrong with it, if anything."""
    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(SECONDS)
    try:
        made = function(server)
        if inspect.isgenerator(made):
            yield from made
        else:
            yield name, None
    except suite.Skipped as skipped:
        yield name, f"skipped: {skipped}"
    except TooLong:
        yield name, f"did not end within {SECONDS} s"
    except AssertionError as wrong:
        yield name, str(wrong) or traceback.format_exc()
    except Exception as error:
        at = traceback.extract_tb(error.__traceback__)
        ours = [frame for frame in at if Path(frame.filename).is_relative_to(FOLDER)][-1]
        yield name, f"{type(error).__name__} at {Path(ours.filename).name}:{ours.lineno} `{ours.line}`: {error}"
    finally:
        signal.alarm(0)


def differences(file: Path | None) -> dict[str, str]:
    """Checks that are known to fail, each with the reason: lines of `client: check — reason`."""
    if not file:
        return {}
    lines = [line for line in file.read_text().splitlines() if line.strip() and not line.startswith("#")]
    return {name.strip(): reason.strip() for name, _, reason in (line.partition(" — ") for line in lines)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", default=[], metavar="CLIENT", help="these clients alone; a file in clients/")
    parser.add_argument("-k", default="", metavar="TEXT", help="checks with this in their names alone")
    parser.add_argument(
        "--differences", type=Path, metavar="FILE", help="checks that are known to fail; those that do not are said"
    )
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    arguments = parser.parse_args()
    server = suite.server(arguments.host, arguments.port)
    for file in sorted((FOLDER / "clients").glob("*.py")):
        if not arguments.only or file.stem in arguments.only:
            importlib.import_module(f"clients.{file.stem}")
    known = differences(arguments.differences)
    counts = {"passed": 0, "failed": 0, "differ": 0, "skipped": 0}
    started = time.monotonic()
    for client, name, function in suite.CHECKS:
        if arguments.k not in f"{client}: {name}":
            continue
        for part, wrong in results(name, function, server):
            line = f"{client}: {part}".strip()
            reason = known.pop(line, None)
            if wrong and wrong.startswith("skipped: "):
                kind, line = "skipped", f"skipped {line}: {wrong[9:]}"
            elif wrong and reason is not None:
                kind, line = "differ", f"differs {line}: {reason}"
            elif wrong or reason is not None:
                kind, line = "failed", f"FAILED {line}: {wrong or 'passes now: take it from the differences'}"
            else:
                kind, line = "passed", f"ok {line}"
            counts[kind] += 1
            print(line, flush=True)
    if not arguments.only and not arguments.k:
        for line in known:
            counts["failed"] += 1
            print(f"FAILED {line}: there is no such check, but a difference")
    print(f"{', '.join(f'{count} {kind}' for kind, count in counts.items() if count or kind in ('passed', 'failed'))}", end="")
    print(f" in {time.monotonic() - started:.0f} s")
    sys.exit(1 if counts["failed"] or not counts["passed"] else 0)


if __name__ == "__main__":
    main()
