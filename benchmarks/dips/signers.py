"""Signers of calls with certificates on a real HTTPS server, at addresses that nobody asked for before."""

import asyncio
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path

from tests.detector.trust.authority import Owner, issue, spc, tn_auth_list
from tests.streams.trust.https_server import Server, authority_pem, response, serving
from tests.streams.trust.signed_calls import DAYS, live_root, signed_now, url_at

Header = Callable[[int, str, str], str]
"""Identity header of a call, by its number in the run, its calling and its called number, as tokens have them."""


@cache
def _signer(number: int) -> Owner:
    return issue(f"Signer {number}", live_root(), tn_auth_list(spc(f"{number:04}")), days=DAYS)


class Signers:
    """Some providers, each with a certificate of its own.

    Args:
        server: where they stand.
        count: how many.
    """

    def __init__(self, server: Server, count: int) -> None:
        self._server = server
        self._count = count
        self._turns = 0

    def cold(self) -> Header:
        """Headers whose certificates stand at new addresses: whoever verifies has none of them."""
        self._turns += 1
        urls = [url_at(self._server, f"{self._turns}/{number}.pem") for number in range(self._count)]

        def header(call: int, calling: str, called: str) -> str:
            number = call % self._count
            changes = {"orig": {"tn": calling}, "dest": {"tn": [called]}, "origid": f"call-{call}"}
            return signed_now(urls[number], owner=_signer(number), **changes)

        return header


@contextmanager
def signers(count: int) -> Iterator[Signers]:
    """Serve certificates as long as the block runs, in a process of its own: it shares no lock with who measures."""
    chains = [_signer(number).pem for number in range(count)]
    authority_pem()  # made before the fork: both trust the same one
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, chains), daemon=True)
    process.start()
    try:
        yield Signers(Server(ours.recv()), count)
    finally:
        process.terminate()
        process.join()


def _serve(pipe: Connection, chains: Sequence[bytes]) -> None:
    async def answer(path: str, writer: asyncio.StreamWriter) -> None:
        writer.write(response(chains[int(Path(path).stem)]))

    async def run() -> None:
        async with serving(answer) as server:
            pipe.send(server.address)
            await asyncio.Event().wait()

    asyncio.run(run())
