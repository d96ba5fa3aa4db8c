"""One TLS context for all connections of a process to MySQL and MariaDB whose URL has no option of TLS.

pymysql uses TLS if the server has it, and checks no certificate then. For each connection it makes a context and loads
the certificates of all authorities of the system into it, which takes 20 ms of CPU.
"""

from __future__ import annotations

from functools import cache
from typing import Any


def connect(_dialect: Any, _record: Any, arguments: Any, options: Any) -> Any:
    """Connect as pymysql does; a listener of the event ``do_connect``."""
    return _connection_class()(*arguments, **options)


@cache
def _connection_class() -> Any:
    from pymysql.connections import Connection  # noqa: PLC0415 - only a process with such a connection needs it

    class SharedTlsConnection(Connection):
        def _create_ssl_ctx(self, options: Any) -> Any:
            return super()._create_ssl_ctx(options) if options else context()  # type: ignore[misc]

    return SharedTlsConnection


@cache
def context() -> Any:
    """Return the context of pymysql without the certificates of authorities."""
    import ssl  # noqa: PLC0415 - see above

    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    return made
