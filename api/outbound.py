"""Addresses outside that this service may call: public ones by https, in development also this machine itself.

A URL is checked when it is registered and again at every connection: the name is resolved once, each address found is
checked, and the connection goes to an address that was checked, never to what a second look-up might say. Connections
are not kept, so that none is shared between two names.
"""

import asyncio
import ipaddress
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import httpx

from matcher.domain import Text

LONGEST_URL = 2_048
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.ASCII | re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII | re.IGNORECASE)
_SIXTOFOUR_RELAY = ipaddress.ip_network("192.88.99.0/24")
_LOCAL_NAMES = ("localhost", "localhost.")


class RefusedUrlError(Exception):
    """An address this service will not call; says why in both languages."""

    def __init__(self, text: Text) -> None:
        super().__init__(text.en)
        self.text = text


class UnresolvedError(Exception):
    """A name nobody could say the address of, now."""


async def system_resolver(host: str, port: int) -> Sequence[str]:
    """Addresses of a name as the machine resolves it.

    Raises
    ------
    UnresolvedError
        If it does not.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UnresolvedError(f"the name does not resolve ({type(error).__name__})") from None
    return [str(one[4][0]) for one in found]


@dataclass(frozen=True, kw_only=True)
class Guard:
    """Says which addresses may be called.

    Parameters
    ----------
    is_production
        Whether this machine itself may not be called, and https is the only way.
    resolver
        How a name becomes addresses.
    """

    is_production: bool
    resolver: Resolver = system_resolver

    def check(self, text: str) -> httpx.URL:
        """A URL as far as it can be judged without looking up its name.

        Raises
        ------
        RefusedUrlError
            With what is wrong.
        """
        url = _parsed(text)
        host = url.raw_host.decode("ascii")
        address = _literal(host)
        if address is not None:
            self._check_address(address)
        elif host not in _LOCAL_NAMES:
            _check_name(host)
        local = host in _LOCAL_NAMES or (address is not None and address.is_loopback)
        if local and self.is_production:
            raise RefusedUrlError(_REFUSED_ADDRESS)
        if url.scheme != "https" and not (url.scheme == "http" and local):
            raise RefusedUrlError(_HTTPS)
        return url

    async def address_of(self, url: httpx.URL) -> str:
        """The address to connect to, every address of the name having been checked.

        Raises
        ------
        RefusedUrlError
            If the URL, or any of the addresses, may not be called.
        UnresolvedError
            If the name has none.
        """
        self.check(str(url))
        host = url.raw_host.decode("ascii")
        literal = _literal(host)
        if literal is not None:
            return str(literal)
        found = await self.resolver(host, url.port or (443 if url.scheme == "https" else 80))
        addresses = [_read_address(one) for one in found]
        if not addresses:
            raise UnresolvedError("the name has no address")
        for address in addresses:
            self._check_address(address)
            if url.scheme != "https" and not address.is_loopback:
                raise RefusedUrlError(_HTTPS)
        return str(addresses[0])

    def _check_address(self, address: Address) -> None:
        if not (is_public(address) or (address.is_loopback and not self.is_production)):
            raise RefusedUrlError(_REFUSED_ADDRESS)


def is_public(address: Address) -> bool:
    """Whether an address is one of the public internet; an IPv4 address carried in IPv6 counts as what it carries.

    >>> [is_public(ipaddress.ip_address(text)) for text in ("93.184.216.34", "169.254.169.254", "::ffff:10.0.0.1")]
    [True, False, False]
    """
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        tunnelled = address.sixtofour is not None or address.teredo is not None
        if tunnelled or address.is_site_local or address.scope_id is not None:
            return False
    elif address in _SIXTOFOUR_RELAY:
        return False
    return address.is_global and not (
        address.is_multicast
        or address.is_reserved
        or address.is_unspecified
        or address.is_link_local
        or address.is_loopback
    )


class PinnedTransport(httpx.AsyncBaseTransport):
    """Sends each request to the address the guard found, under the name it was asked by.

    The host stays in ``Host``, in the name asked of TLS and in the name the certificate must bear.
    """

    def __init__(self, guard: Guard, context: ssl.SSLContext | None = None) -> None:
        self._guard = guard
        self._inner = httpx.AsyncHTTPTransport(
            verify=context or ssl.create_default_context(),
            trust_env=False,
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Check, pin, send.

        Raises
        ------
        RefusedUrlError, UnresolvedError
            Before anything is sent.
        """
        address = await self._guard.address_of(request.url)
        pinned = httpx.Request(
            request.method,
            request.url.copy_with(host=address),
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": request.url.raw_host.decode("ascii")},
        )
        return await self._inner.handle_async_request(pinned)

    async def aclose(self) -> None:
        """Close what is open."""
        await self._inner.aclose()


def _parsed(text: str) -> httpx.URL:
    if len(text) > LONGEST_URL or not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        raise RefusedUrlError(_MALFORMED)
    try:
        url = httpx.URL(text)
        port = 443 if url.port is None else url.port
    except (httpx.InvalidURL, ValueError):
        raise RefusedUrlError(_MALFORMED) from None
    if url.scheme not in {"http", "https"} or not url.raw_host or not 0 < port <= 65_535:
        raise RefusedUrlError(_MALFORMED)
    if url.userinfo or "@" in text.partition("//")[2].partition("/")[0]:
        raise RefusedUrlError(_CREDENTIALS)
    if "#" in text:
        raise RefusedUrlError(_FRAGMENT)
    return url


def _check_name(host: str) -> None:
    """A name of the public kind; anything that some system reads as a number is none."""
    labels = host.removesuffix(".").split(".")
    good = len(host) <= 253 and len(labels) >= 2 and all(_LABEL.fullmatch(label) for label in labels)
    if not good or _NUMBER.fullmatch(labels[-1]):
        raise RefusedUrlError(_NAME)


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None


def _read_address(text: str) -> Address:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        raise UnresolvedError("the name resolves to something that is no address") from None


_MALFORMED = Text(zh="不是有效的 http(s) 地址", en="not an http(s) URL")
_HTTPS = Text(
    zh="必须使用 https（开发模式下本机可用 http）", en="must be https (http only to this machine, in development)"
)
_CREDENTIALS = Text(zh="地址中不得含用户名或密码", en="a URL may hold no user name or password")
_FRAGMENT = Text(zh="地址中不得含片段（#）", en="a URL may hold no fragment (#)")
_NAME = Text(zh="主机须为完整域名", en="the host must be a full domain name")
_REFUSED_ADDRESS = Text(
    zh="不得指向内网、本机、链路本地、组播或保留地址",
    en="may not point to a private, local, link-local, multicast or reserved address",
)
