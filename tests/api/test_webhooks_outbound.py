"""Addresses outside: nothing private is ever called, whatever it is called by and whenever its name changes."""

import asyncio
import datetime as days
import http.server
import ipaddress
import ssl
import threading
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from api.outbound import Guard, PinnedTransport, RefusedUrlError, UnresolvedError, is_public
from tests.api.receiver import Receiver, receiving

PUBLIC = "93.184.216.34"
NEVER = [
    "http://bank.example/hook",
    "http://93.184.216.34/hook",
    "ftp://bank.example/hook",
    "file:///etc/passwd",
    "gopher://bank.example/",
    "//bank.example/hook",
    "bank.example/hook",
    "https://",
    "https:///hook",
    "https://bank.example:0/hook",
    "https://bank.example:99999/hook",
    "https://user@bank.example/hook",
    "https://user:secret@bank.example/hook",
    "https://:@bank.example/hook",
    "https://@bank.example/hook",
    "https://bank.example/hook#part",
    "https://bank.example/ hook",
    "https://bank.example\\@10.0.0.1/hook",
    "https://bank.example/\nhook",
    "https://银行.example/hook",
    "https://①②⑦.⓪.⓪.①/hook",
    "https://10.0.0.1/hook",
    "https://172.16.0.1/hook",
    "https://192.168.1.1/hook",
    "https://100.64.0.1/hook",
    "https://169.254.169.254/latest/meta-data",
    "https://0.0.0.0/hook",
    "https://224.0.0.1/hook",
    "https://240.0.0.1/hook",
    "https://255.255.255.255/hook",
    "https://192.0.2.1/hook",
    "https://198.18.0.1/hook",
    "https://192.88.99.1/hook",
    "https://[::]/hook",
    "https://[fe80::1]/hook",
    "https://[fe80::1%25eth0]/hook",
    "https://[fc00::1]/hook",
    "https://[fec0::1]/hook",
    "https://[ff02::1]/hook",
    "https://[2001:db8::1]/hook",
    "https://[::ffff:10.0.0.1]/hook",
    "https://[::ffff:169.254.169.254]/hook",
    "https://[::ffff:a9fe:a9fe]/hook",
    "https://[::10.0.0.1]/hook",
    "https://[64:ff9b::10.0.0.1]/hook",
    "https://[2002:0a00:0001::1]/hook",
    "https://[2001:0:5ef5:79fd:0:59d:f5ff:fffe]/hook",
    "https://2130706433/hook",
    "https://0x7f.1/hook",
    "https://0177.0.0.1/hook",
    "https://127.1/hook",
    "https://10.1/hook",
    "https://intranet/hook",
    "https://-bank.example/hook",
    "https://bank..example/hook",
    "https://" + "a" * 64 + ".example/hook",
    "https://bank.example/" + "a" * 2_048,
]
LOOPBACK = [
    "http://127.0.0.1:8080/hook",
    "http://localhost:8080/hook",
    "http://[::1]:8080/hook",
    "https://127.9.9.9/hook",
    "https://localhost/hook",
]
LOOPBACK_MAPPED = "https://[::ffff:127.0.0.1]/hook"


def names(**table: Sequence[str]) -> Callable[[str, int], Awaitable[Sequence[str]]]:
    """A resolver that knows these names, by their first label."""

    async def resolve(host: str, _port: int) -> Sequence[str]:
        found = table.get(host.split(".")[0])
        if found is None:
            raise UnresolvedError("unknown")
        return found

    return resolve


@pytest.mark.parametrize("url", NEVER)
@pytest.mark.parametrize("is_production", [False, True])
def test_these_are_never_called(url: str, is_production: bool) -> None:
    with pytest.raises(RefusedUrlError) as refused:
        Guard(is_production=is_production).check(url)
    assert refused.value.text.zh
    assert refused.value.text.en


@pytest.mark.parametrize("url", LOOPBACK)
def test_this_machine_is_called_in_development_alone(url: str) -> None:
    assert Guard(is_production=False).check(url) == httpx.URL(url)
    with pytest.raises(RefusedUrlError):
        Guard(is_production=True).check(url)


def test_this_machine_in_disguise_is_not_called_in_production() -> None:
    with pytest.raises(RefusedUrlError):
        Guard(is_production=True).check(LOOPBACK_MAPPED)


@pytest.mark.parametrize("url", ["https://bank.example/hook", "https://bank.example:8443/a?b=c", f"https://{PUBLIC}/"])
def test_public_addresses_are_called(url: str) -> None:
    assert Guard(is_production=True).check(url) == httpx.URL(url)


@pytest.mark.parametrize(
    "addresses", [["10.0.0.1"], [PUBLIC, "10.0.0.1"], ["::ffff:169.254.169.254"], ["fe80::1%eth0"], ["127.0.0.1"]]
)
def test_a_name_with_any_private_address_is_not_called(addresses: Sequence[str]) -> None:
    guard = Guard(is_production=True, resolver=names(bank=addresses))
    with pytest.raises(RefusedUrlError):
        asyncio.run(guard.address_of(httpx.URL("https://bank.example/hook")))


def test_a_name_is_looked_up_once_and_the_connection_goes_where_it_led() -> None:
    asked: list[str] = []

    async def changing(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return [PUBLIC] if len(asked) == 1 else ["10.0.0.1"]

    guard = Guard(is_production=True, resolver=changing)
    assert asyncio.run(guard.address_of(httpx.URL("https://bank.example/hook"))) == PUBLIC
    assert asked == ["bank.example"]
    with pytest.raises(RefusedUrlError):
        asyncio.run(guard.address_of(httpx.URL("https://bank.example/hook")))


def test_a_name_that_has_no_address_is_said_to_be_unresolved() -> None:
    for table in ({}, {"bank": []}, {"bank": ["not an address"]}):
        with pytest.raises(UnresolvedError):
            asyncio.run(
                Guard(is_production=True, resolver=names(**table)).address_of(httpx.URL("https://bank.example"))
            )


@pytest.mark.parametrize("text", ["8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_are_public(text: str) -> None:
    assert is_public(ipaddress.ip_address(text))


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    async def post(url: str) -> int:
        transport = PinnedTransport(Guard(is_production=False))
        async with httpx.AsyncClient(transport=transport, trust_env=False) as client:
            return (await client.post(url, content=b"{}")).status_code

    elsewhere = Receiver()
    with receiving(elsewhere), receiving(Receiver(answer=lambda _n: 307, location=elsewhere.url)) as first:
        assert asyncio.run(post(first.url)) == 307
    assert elsewhere.requests == []


def certificate(name: str, directory: Path) -> tuple[Path, Path]:
    """A certificate of its own for a name, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    today = days.datetime.now(days.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(today - days.timedelta(days=1))
        .not_valid_after(today + days.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = directory / "public.pem", directory / "private.pem"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return public, private


def test_over_tls_the_address_is_pinned_while_host_and_certificate_stay_those_of_the_name(tmp_path: Path) -> None:
    public, private = certificate("bank.example", tmp_path)
    asked: list[tuple[str | None, str | None]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked[-1] = (asked[-1][0], self.headers["host"])
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    context.sni_callback = lambda _socket, name, _context: asked.append((name, None))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_args: None  # type: ignore[method-assign]  # a refused handshake is no news here
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    port = server.server_address[1]
    guard = Guard(is_production=False, resolver=names(bank=["127.0.0.1"], other=["127.0.0.1"]))

    async def post(host: str) -> int:
        transport = PinnedTransport(guard, ssl.create_default_context(cafile=str(public)))
        async with httpx.AsyncClient(transport=transport, trust_env=False) as client:
            return (await client.post(f"https://{host}:{port}/hook", content=b"{}")).status_code

    try:
        assert asyncio.run(post("bank.example")) == 204
        assert asked == [("bank.example", f"bank.example:{port}")]
        with pytest.raises(httpx.ConnectError, match="certificate"):
            asyncio.run(post("other.example"))
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
