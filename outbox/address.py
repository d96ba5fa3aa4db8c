"""SinkAddress: one address of BROKER_URL."""

from __future__ import annotations

import difflib
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from models.outbox import SINK_NAME_LENGTH
from outbox.sink import WrongSink

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class SinkAddress:
    """A sink's URL. Its options are in the query; a sink reads each that it knows, and the others are refused."""

    scheme: str
    hosts: Sequence[tuple[str, int | None]]
    user: str | None
    password: str | None
    path: str  # without the first "/", and not decoded
    options: dict[str, str]
    read: set[str] = field(default_factory=set)  # the names of the options that the sink knows

    @classmethod
    def of(cls, text: str) -> SinkAddress:
        """Return the address that a text is.

        Raises:
            WrongSink: the text is no address; the message does not repeat it, because it may have a password.
        """
        scheme, colon, rest = text.partition(":")
        if not colon or not scheme.replace("+", "").isalnum():
            raise WrongSink(
                "BROKER_URL has a part that is no address: write scheme://host/..., with blanks between addresses"
            )
        if not rest.startswith("//"):
            path, _, query = rest.partition("?")
            return cls(
                scheme=scheme.lower(),
                hosts=(),
                user=None,
                password=None,
                path=path,
                options=dict(parse_qsl(query)),
            )
        # Kafka's list of hosts is no netloc of urlsplit's attributes.
        parts = urlsplit(text)
        if "#" in text:
            raise WrongSink(
                f"BROKER_URL has an address of {scheme}: with a #, which ends it there: write # as %23"
            )
        userinfo, at, hosts = parts.netloc.rpartition("@")
        user, has_password, password = userinfo.partition(":")
        try:
            options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
            found = [_host(one) for one in hosts.split(",")]
        except ValueError:
            raise WrongSink(
                f"BROKER_URL has an address of {scheme}: whose host, port or options cannot be read: write "
                f"{scheme}://user:password@host:port/path?option=value, and @ : / in a password as %40 %3A %2F"
            ) from None
        return cls(
            scheme=scheme.lower(),
            hosts=found,
            user=unquote(user) if at else None,
            password=unquote(password) if has_password else None,
            path=parts.path.removeprefix("/"),
            options=options,
        )

    @property
    def name(self) -> str:
        """Return the sink's name: the option ``name``, or the address without user, password and options."""
        given = self.option("name", "")
        if given:
            return given[:SINK_NAME_LENGTH]
        hosts = ",".join(host if port is None else f"{host}:{port}" for host, port in self.hosts)
        path = self.path.rstrip("/")
        if not hosts:
            return f"{self.scheme}:{path}".rstrip(":")
        return f"{self.scheme}://{hosts}{f'/{path}' if path else ''}"[:SINK_NAME_LENGTH]

    def option(self, name: str, default: str, choices: Sequence[str] = ()) -> str:
        """Return the value of an option.

        Raises:
            WrongSink: it is none of the choices.
        """
        self.read.add(name)
        value = self.options.get(name, default)
        if choices and value not in choices:
            raise WrongSink(f"{self.name}: {name}={value} is none of {', '.join(choices)}")
        return value

    def number(self, name: str, default: T, read: Callable[[str], T] = int) -> T:  # type: ignore[assignment]
        """Return the number that an option has.

        Raises:
            WrongSink: it is no number.
        """
        self.read.add(name)
        text = self.options.get(name)
        if text is None:
            return default
        try:
            return read(text)
        except ValueError:
            raise WrongSink(f"{self.name}: {name}={text} is no number") from None

    def certificates(self, name: str = "ca") -> str | None:
        """Return the path of the file with certificates that an option has.

        Raises:
            WrongSink: the file cannot be read, or has no certificate.
        """
        path = self.option(name, "")
        if not path:
            return None
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
        except OSError as error:  # SSLError is one
            why = "it has no certificate" if isinstance(error, ssl.SSLError) else error.strerror
            raise WrongSink(
                f"{self.name}: {name}={path}: {why}: write the path of a file with certificates (PEM)"
            ) from None
        return path

    def switch(self, name: str, *, default: bool) -> bool:
        """Return whether an option is on: ``1`` or ``0``."""
        return self.option(name, "1" if default else "0", ("0", "1")) == "1"

    def refuse_unread_options(self) -> None:
        """Raise WrongSink if the address has an option that its sink does not know."""
        self.read.add("name")
        for name in self.options.keys() - self.read:
            close = difflib.get_close_matches(name, sorted(self.read), n=1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(sorted(self.read))}"
            raise WrongSink(f"{self.name}: there is no option {name}; {hint}")


def _host(text: str) -> tuple[str, int | None]:
    parts = urlsplit(f"//{text}")
    if not parts.hostname:
        raise ValueError(text)
    return parts.hostname, parts.port


def addresses_of(text: str) -> list[SinkAddress]:
    """Return the addresses of BROKER_URL, which have blanks between them.

    Raises:
        WrongSink: one is no address, or two have one name.
    """
    addresses = [SinkAddress.of(one) for one in text.split()]
    names = [address.name for address in addresses]
    for name in names:
        if names.count(name) > 1:
            raise WrongSink(
                f"BROKER_URL has two sinks with the name {name}: give one of them another, with ?name=..."
            )
    return addresses
