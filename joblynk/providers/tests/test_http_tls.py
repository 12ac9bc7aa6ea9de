"""Connections over TLS, with an authority of our own, in both kinds of event loop that serve."""

import asyncio
import ipaddress
import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from joblynk.providers import http_pool
from joblynk.providers.errors import ProviderError
from joblynk.providers.llm.groq import GroqLLM
from joblynk.testing.http_server import Peer, serving

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
SECONDS = 5.0

# The hook that is to replace the fixture below cannot be set for one module.
pytestmark = pytest.mark.filterwarnings("ignore:Overriding the .event_loop_policy.:DeprecationWarning")


@pytest.fixture(params=[asyncio.DefaultEventLoopPolicy, uvloop.EventLoopPolicy], ids=["asyncio", "uvloop"])
def event_loop_policy(request: pytest.FixtureRequest) -> asyncio.AbstractEventLoopPolicy:
    policy: asyncio.AbstractEventLoopPolicy = request.param()
    return policy


def connect(peer: Peer) -> httpx.AsyncClient:
    return http_pool.client(peer.base_url, httpx.Timeout(SECONDS))


def _has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `ca.pem`, and `server.pem` with the key, for 127.0.0.1, ::1 and good.example."""
    folder = tmp_path_factory.mktemp("authority")
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
    now = datetime.now(UTC)

    def signed(name: x509.Name, public: ec.EllipticCurvePublicKey, ca: bool) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(ca_name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )

    hosts = x509.SubjectAlternativeName(
        [x509.DNSName("good.example")]
        + [x509.IPAddress(ipaddress.ip_address(address)) for address in ("127.0.0.1", "::1")]
    )
    ca = signed(ca_name, ca_key.public_key(), True).sign(ca_key, hashes.SHA256())
    certificate = signed(x509.Name([]), key.public_key(), False).add_extension(hosts, critical=True)
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(ca.public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.pem").write_bytes(private + certificate.sign(ca_key, hashes.SHA256()).public_bytes(pem))
    return folder


@pytest.fixture
def tls(authority: Path) -> ssl.SSLContext:
    """The server's side."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "server.pem")
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


@pytest.fixture
def trusted(authority: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority / "ca.pem"))


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_requests_over_tls_share_a_connection(tls: ssl.SSLContext, host: str) -> None:
    if ":" in host and not _has_ipv6():
        pytest.skip("no IPv6 here")
    async with serving(GOOD, GOOD, GOOD, tls=tls, host=host) as peer, connect(peer) as client:
        for _ in range(3):
            assert (await client.get(peer.base_url)).json() == {}
        assert peer.accepted == 1
        assert peer.writers[0].get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"


async def test_a_certificate_of_a_stranger_is_refused(tls: ssl.SSLContext) -> None:
    async with serving(GOOD, tls=tls) as peer, connect(peer) as client:
        with pytest.raises(httpx.ConnectError, match="Certificate"):
            await client.post(peer.base_url, json={})
        assert peer.requests == []


@pytest.mark.usefixtures("trusted")
async def test_a_certificate_for_another_host_is_refused(tls: ssl.SSLContext) -> None:
    async with serving(GOOD, tls=tls) as peer:
        peer.base_url = peer.base_url.replace("127.0.0.1", "localhost")
        async with connect(peer) as client:
            with pytest.raises(httpx.ConnectError, match="Certificate"):
                await client.post(peer.base_url, json={})
        assert peer.requests == []


async def test_a_refused_certificate_makes_the_service_unreachable(tls: ssl.SSLContext) -> None:
    async with serving(GOOD, tls=tls) as peer:
        llm = GroqLLM(
            api_key="gsk_canary",
            base_url=peer.base_url,
            model="m",
            max_completion_tokens=5,
            first_token_seconds=SECONDS,
        )
        with pytest.raises(ProviderError) as caught:
            await llm.check()
        await llm.aclose()
        assert caught.value.code == "unreachable"
        assert peer.requests == []


@pytest.mark.usefixtures("trusted")
async def test_a_stream_over_tls_comes_piece_by_piece_and_its_close_is_seen(tls: ssl.SSLContext) -> None:
    async with (
        serving(CHUNKED + b"1\r\n0\r\n", tls=tls) as peer,
        connect(peer) as client,
        asyncio.timeout(SECONDS),
    ):
        async with client.stream("GET", peer.base_url) as response:
            parts = response.aiter_raw()
            for number in range(5):
                assert await anext(parts) == b"%d" % number  # only now the next one is written
                peer.writers[0].write(b"1\r\n%d\r\n" % (number + 1))
        await peer.left.wait()


@pytest.mark.usefixtures("trusted")
async def test_a_request_over_tls_may_be_cancelled_at_any_step(tls: ssl.SSLContext) -> None:
    problems: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, problem: problems.append(problem))
    async with serving(*[GOOD] * 500, tls=tls) as peer, asyncio.timeout(20):
        for steps in range(80):
            async with connect(peer) as client:  # a new one, so that each begins with a handshake
                request = asyncio.create_task(client.get(peer.base_url))
                for _ in range(steps):
                    await asyncio.sleep(0)
                request.cancel()
                await asyncio.wait([request])
                if steps % 8 == 0:
                    assert (await client.get(peer.base_url)).status_code == 200
        await asyncio.gather(*(writer.wait_closed() for writer in peer.writers), return_exceptions=True)
    assert problems == []
