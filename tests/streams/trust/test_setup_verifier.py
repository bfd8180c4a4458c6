"""Set-ups in, verdicts out: signed ones alone, replays by charging id, and never an error."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from detector.contract.events import CallSetup
from detector.trust.verdict import Cause
from streams.trust.settings import TrustSettings
from streams.trust.setup_verifier import SetupVerifier, make_setup_verifier
from tests.streams.trust.https_server import Server, sends
from tests.streams.trust.signed_calls import live_provider, now_ms, setup, signed_at, signed_now, url_at, verifying
from tests.waiting import HANG_S, until


def call(call_id: str, *identities: str, **more: Any) -> CallSetup:
    return CallSetup(**{name: value for name, value in setup(call_id, *identities, **more).items() if name != "type"})


async def cause(verifier: SetupVerifier, one: CallSetup, **more: bool) -> Cause | None:
    until_s = asyncio.get_running_loop().time() + HANG_S
    found = await verifier.verdict(one, until_s, arrival_ms=now_ms(), **more)
    return None if found is None else found.cause


def run(folder: Path, work: Callable[[Server, SetupVerifier], Awaitable[None]], country: str = "1") -> None:
    async def whole() -> None:
        async with verifying(folder, sends(live_provider().pem)) as (server, made):
            verifier = SetupVerifier(made, country)
            await verifier.start()
            try:
                await until(lambda: made.lists.anchors is not None)
                await work(server, verifier)
            finally:
                await verifier.stop()

    asyncio.run(whole())


def test_a_signed_call_gets_a_verdict_and_an_unsigned_one_costs_nothing(tmp_path: Path) -> None:
    async def work(server: Server, verifier: SetupVerifier) -> None:
        assert await cause(verifier, call("1", signed_now(url_at(server)))) is Cause.PASSED
        assert await cause(verifier, call("2", "junk")) is Cause.IDENTITY_MALFORMED
        assert await cause(verifier, call("3")) is None
        samples = [one for family in verifier.metrics.collect() for one in family.samples]
        told = {one.labels["cause"]: one.value for one in samples if one.name == "robocall_trust_verdicts_total"}
        assert told == {"passed": 1, "identity_malformed": 1}

    run(tmp_path, work)


def test_a_token_belongs_to_one_charging_id_else_to_one_call_id(tmp_path: Path) -> None:
    """A switch that hands the call on may change the Call-ID, and keeps the other."""

    async def work(server: Server, verifier: SetupVerifier) -> None:
        url = url_at(server)
        one, other = signed_now(url), signed_now(url, origid="other")
        assert await cause(verifier, call("1", one, icid="i")) is Cause.PASSED
        assert await cause(verifier, call("2", one, icid="i")) is Cause.PASSED
        assert await cause(verifier, call("3", one, icid="j")) is Cause.REPLAYED
        assert await cause(verifier, call("4", other)) is Cause.PASSED
        assert await cause(verifier, call("5", other)) is Cause.REPLAYED
        assert await cause(verifier, call("6", other), names_call=False) is Cause.PASSED

    run(tmp_path, work)


def test_the_time_that_a_set_up_names_makes_no_token_fresh_and_forgets_none(tmp_path: Path) -> None:
    """Else an old token passed with its full attestation, and a call of the future made us forget what was seen."""

    async def work(server: Server, verifier: SetupVerifier) -> None:
        url, now = url_at(server), now_ms()
        old_ms = now - 3 * 3_600_000
        old, one, other = signed_at(old_ms, url), signed_now(url), signed_now(url, origid="other")
        assert await cause(verifier, call("1", old)) is Cause.STALE
        assert await cause(verifier, call("2", old, setup_time_ms=old_ms)) is Cause.NOT_CHECKED
        assert await cause(verifier, call("3", one)) is Cause.PASSED
        assert await cause(verifier, call("4", other, setup_time_ms=now + 200_000)) is Cause.PASSED
        assert await cause(verifier, call("5", one)) is Cause.REPLAYED

    run(tmp_path, work)


def test_numbers_that_do_not_say_their_country_are_of_the_one_that_is_set(tmp_path: Path) -> None:
    """Those with `+` say theirs."""

    async def work(server: Server, verifier: SetupVerifier) -> None:
        token = signed_now(url_at(server), orig={"tn": "442079460123"}, dest={"tn": ["442079460199"]})
        numbers = {"calling_number": "02079460123", "called_number": "+442079460199"}
        assert await cause(verifier, call("1", token, **numbers), names_call=False) is Cause.PASSED
        foreign = call("2", token, **(numbers | {"calling_number": "2079460123"}))
        assert await cause(verifier, foreign, names_call=False) is Cause.ORIG_MISMATCH

    run(tmp_path, work, "44")


def test_what_breaks_leaves_the_call_without_a_verdict(tmp_path: Path) -> None:
    """A set-up that is none is the shortest way to an error of ours."""

    async def work(_: Server, verifier: SetupVerifier) -> None:
        broken: Any = [1]
        assert await cause(verifier, call("1", *broken)) is None
        samples = [one for family in verifier.metrics.collect() for one in family.samples]
        assert [one.value for one in samples if one.name == "robocall_trust_errors_total"] == [1]

    run(tmp_path, work)


def test_without_authorities_there_is_no_verifier(tmp_path: Path) -> None:
    kept = {"cache_url": str(tmp_path / "cache"), "state_url": str(tmp_path / "state")}

    assert make_setup_verifier(TrustSettings.load(**kept, anchors_url=None)) is None
    made = make_setup_verifier(TrustSettings.load(**kept, anchors_url=str(tmp_path / "a.pem")))
    assert isinstance(made, SetupVerifier)
