"""The flags of all commands that call a server which runs: its token, TLS, and plaintext beyond this machine."""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from services.cli.target import AccessFlags

_PANEL: Final = "How a server that runs is called"

TokenFileFlag = Annotated[
    Path | None,
    typer.Option(
        envvar="TECHNIC_TOKEN_FILE",
        metavar="FILE",
        help="File of the token to send. Default: the token in TECHNIC_TOKEN, else none.",
        rich_help_panel=_PANEL,
    ),
]
TlsCaFlag = Annotated[
    Path | None,
    typer.Option(
        envvar="TECHNIC_TLS_CA",
        metavar="FILE",
        help="Speak TLS; PEM file of the authority that the server's certificate is from.",
        rich_help_panel=_PANEL,
    ),
]
TlsCertFlag = Annotated[
    Path | None,
    typer.Option(
        envvar="TECHNIC_TLS_CERT",
        metavar="FILE",
        help="PEM file of your own certificate, for servers that want one.",
        rich_help_panel=_PANEL,
    ),
]
TlsKeyFlag = Annotated[
    Path | None,
    typer.Option(envvar="TECHNIC_TLS_KEY", metavar="FILE", help="PEM file of its key.", rich_help_panel=_PANEL),
]
TlsNameFlag = Annotated[
    str,
    typer.Option(
        envvar="TECHNIC_TLS_NAME",
        metavar="NAME",
        help="Name in the server's certificate. Default: the host of its address.",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
InsecureFlag = Annotated[
    bool,
    typer.Option("--insecure-network", help="Send the token in plaintext to another machine.", rich_help_panel=_PANEL),
]
_ABOUT_TOKENS: Final = ("token_file", "insecure_network")


def _flags(  # a parameter a flag
    token_file: TokenFileFlag = None,
    tls_ca: TlsCaFlag = None,
    tls_cert: TlsCertFlag = None,
    tls_key: TlsKeyFlag = None,
    tls_name: TlsNameFlag = "",
    insecure_network: InsecureFlag = False,  # noqa: FBT002  # as typer wants it
) -> AccessFlags:
    return AccessFlags(token_file, tls_ca, tls_cert, tls_key, tls_name, insecure_network)


def takes_access(*, token: bool = True) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Give a command the flags of access, which it gets as one argument: `access`.

    Args:
        token: whether it sends one.
    """
    flags = {
        name: parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in inspect.signature(_flags).parameters.items()
        if token or name not in _ABOUT_TOKENS
    }

    def giving(command: Callable[..., int]) -> Callable[..., int]:
        @functools.wraps(command)
        def taking(**values: Any) -> int:  # noqa: ANN401  # values of flags
            said = {name: values.pop(name) for name in flags}
            return command(**values, access=_flags(**said))

        own = inspect.signature(command)
        seen = [parameter for parameter in own.parameters.values() if parameter.name != "access"] + [*flags.values()]
        # What typer reads to know the flags.
        taking.__signature__ = own.replace(parameters=seen)  # type: ignore[attr-defined]  # as inspect has it
        taking.__annotations__ = {parameter.name: parameter.annotation for parameter in seen}
        return taking

    return giving
