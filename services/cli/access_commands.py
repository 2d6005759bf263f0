"""`technic token` and `technic certs`: what a first set-up of access needs."""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from services.cli import exits, options
from services.market.errors import InvalidRequestError, LocalDataError

LOCAL_NAMES: Final = ("localhost", "127.0.0.1", "::1")
RoleFlag = Annotated[
    Literal["reader", "operator"],
    typer.Option("--role", metavar="ROLE", help="reader: scans, lists, figures. operator: everything."),
]
TokenNameFlag = Annotated[str, typer.Option("--name", metavar="NAME", help="Whose it is; logs name it.")]
ExpiresFlag = Annotated[
    str,
    typer.Option("--expires", metavar="TIME", help="90d, or 2027-01-31. Default: never.", show_default=False),
]
TokenOutFlag = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="Write the token into a new file for you alone; print the line only."),
]
CertsFolder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder that takes the files.")]
CertsNameFlag = Annotated[
    list[str] | None,
    typer.Option(
        "--name",
        metavar="NAME",
        help="Host name or IP address by which servers are called, beside localhost; repeatable.",
    ),
]
DaysFlag = Annotated[int, typer.Option("--days", min=1, max=3650, metavar="N", help="Days for which they are valid.")]


def token(*, role: RoleFlag, name: TokenNameFlag, expires: ExpiresFlag = "", out: TokenOutFlag = None) -> int:
    """Make a token, and print it and the line by which a service accepts it.

    The line goes into the file that GATEWAY_TOKENS_PATH or the like names. The token itself is kept nowhere.
    """
    from services.rpc import tokens  # noqa: PLC0415  # slow to load

    until = options.parse_expiry(expires, "--expires", datetime.now(UTC))
    made = tokens.make()
    try:
        line = tokens.line_for(name, tokens.Role[role.upper()], made, until)
    except LocalDataError:
        raise InvalidRequestError(f"--name {name!r}: take 1 to 64 letters, digits, dots, _ and -") from None
    if out is None:
        print(f"token, shown this once:    {made}")
        print(f"line of the tokens file:   {line}")
        return exits.OK
    path = out.expanduser()
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(made + "\n")
    except OSError as error:
        raise InvalidRequestError(f"--out {out} cannot be written: {error.strerror}") from None
    print(line)
    return exits.OK


def certs(folder: CertsFolder, name: CertsNameFlag = None, days: DaysFlag = 365) -> int:
    """Make an authority, and certificates of a server and a client by it; for tests and first set-ups.

    Writes ca, server and client, a .pem and a .key each; nothing if one is there. Keep ca.key away from the servers.
    """
    from services.cli.certificates import write_certificates  # noqa: PLC0415  # needs an extra, and is slow to load

    names = tuple(dict.fromkeys((*(name or ()), *LOCAL_NAMES)))
    written = write_certificates(folder.expanduser(), names, days)
    print("\n".join(map(str, written)))
    print(f"valid for {days} days; the server is called {', '.join(names)}", file=sys.stderr)
    return exits.OK
