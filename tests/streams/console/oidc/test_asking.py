"""Asking the provider: bounded in size and time, nowhere else than where it was told to."""

import asyncio
import ssl

import pytest

from streams.console.oidc import asking as module
from streams.console.oidc.asking import Asker
from streams.console.oidc.errors import ProviderAway
from tests.streams.console.oidc.oidc_case import Provider


def asked(path: str, **lies: str) -> tuple[int, bytes]:
    """What comes of it, with nobody but a provider of ours."""

    async def run() -> tuple[int, bytes]:
        async with Provider().running() as provider:
            for name, value in lies.items():
                setattr(provider, name, value)
            answer = await Asker(ssl.create_default_context()).ask(provider.issuer + path)
            assert set(provider.asked) == {path}
            return answer.status, answer.body

    return asyncio.run(run())


def test_an_answer_and_a_refusal_are_given_back() -> None:
    assert asked("/keys")[0] == 200
    assert asked("/nothing") == (404, b"")


@pytest.mark.parametrize(
    ("lies", "said"),
    [
        ({"away": "/keys"}, "answers .500"),
        ({"moved": "/keys"}, "redirects"),
        ({"oversize": "/keys"}, "more than 262,144"),
    ],
)
def test_whatever_is_no_answer_is_said(lies: dict[str, str], said: str) -> None:
    """A redirect is not followed, and a large answer is not read to its end."""
    with pytest.raises(ProviderAway, match=said):
        asked("/keys", **lies)


def test_who_is_not_there_is_said() -> None:
    async def run() -> None:
        async with Provider().running() as provider:
            pass
        await Asker(ssl.create_default_context()).ask(provider.issuer + "/keys")

    with pytest.raises(ProviderAway, match="cannot be asked"):
        asyncio.run(run())


def test_who_does_not_show_who_it_is_is_not_believed() -> None:
    """Plain HTTP where TLS should be."""

    async def run() -> None:
        async with Provider().running() as provider:
            await Asker(ssl.create_default_context()).ask(provider.issuer.replace("http:", "https:") + "/keys")

    with pytest.raises(ProviderAway, match="by TLS"):
        asyncio.run(run())


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx", b"HTTP/1.1 200 OK\r\nx: "])
def test_who_answers_for_ever_is_waited_for_so_long(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before its head, within it, and within its body."""
    monkeypatch.setattr(module, "WHOLE_S", 0.2)

    async def run() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readline()
            writer.write(sent)
            await reader.read()
            writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            await Asker(ssl.create_default_context()).ask(f"http://127.0.0.1:{port}/keys")

    with pytest.raises(ProviderAway, match=r"within 0.2 s"):
        asyncio.run(run())
