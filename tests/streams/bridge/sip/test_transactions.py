"""Transactions: one answer for each INVITE whatever is lost, repeated or cancelled, and nothing is kept for ever."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.bridge.sip.messages import Junk, Request, read_request
from streams.bridge.sip.responses import Answer, Send, Source
from streams.bridge.sip.transactions import Ask, Cancelled, Dropped, Output, Transactions
from tests.streams.bridge.sip.sip_case import SWITCH, invite, request, seen

BLOCK = Answer(603, "Network Blocked", (("Reason", "SIP;cause=603"),))
STREAM = Source("192.0.2.10", 40_000, connection="c")


def made(most: int = 100) -> Transactions:
    return Transactions(most, secret=b"s")


def received(
    transactions: Transactions,
    message: Request,
    now_s: float = 0.0,
    source: Source = SWITCH,
    *,
    is_peer: bool = True,
    is_healthy: bool = True,
    is_slow: bool = False,
) -> list[Output]:
    outputs = transactions.receive(message, source, now_s, is_peer=is_peer, is_healthy=is_healthy, is_slow=is_slow)
    return list(outputs)


def statuses(outputs: Iterable[Output]) -> list[int | str]:
    """What was sent by its status, the rest by its kind."""
    return [seen(one.data).status if isinstance(one, Send) else type(one).__name__ for one in outputs]


def asked(outputs: list[Output]) -> Ask:
    (ask,) = outputs
    assert isinstance(ask, Ask)
    return ask


def test_an_invite_is_asked_about_once_and_its_retransmissions_get_its_answer() -> None:
    transactions = made()
    ask = asked(received(transactions, request()))
    assert received(transactions, request(), 0.5) == []  # we are at it

    assert ask.key is not None
    answer = transactions.answer(ask.key, BLOCK, 0.6)
    assert answer is not None
    assert received(transactions, request(), 0.7) == [answer]
    assert transactions.answer(ask.key, BLOCK, 0.8) is None


def test_an_answer_is_repeated_until_its_ack_and_for_32_s_at_most() -> None:
    """Timers G and H over UDP: 0.5 s, then twice as long each time, 4 s at most (RFC 3261, 17.2.1)."""
    transactions = made()
    ask = asked(received(transactions, request()))
    assert ask.key is not None
    transactions.answer(ask.key, BLOCK, 0.0)

    times = [tick / 10 for tick in range(400) if list(transactions.due(tick / 10))]
    assert times == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert len(transactions) == 0


def test_an_ack_ends_the_repeating_and_is_itself_absorbed_for_5_s() -> None:
    """Timer I: a retransmitted INVITE that was overtaken by the ACK is no new call."""
    transactions = made()
    ask = asked(received(transactions, request()))
    assert ask.key is not None
    transactions.answer(ask.key, BLOCK, 0.0)

    assert received(transactions, request(method="ACK"), 0.1) == []
    assert received(transactions, request(method="ACK"), 0.2) == []
    assert received(transactions, request(), 0.3) == []
    assert list(transactions.due(5.0)) == []
    assert len(transactions) == 1
    assert list(transactions.due(5.2)) == []
    assert len(transactions) == 0


def test_a_stream_needs_no_repeating_and_no_memory_after_the_ack() -> None:
    transactions = made()
    ask = asked(received(transactions, request(), source=STREAM))
    assert ask.key is not None
    sent = transactions.answer(ask.key, BLOCK, 0.0)
    assert sent is not None
    assert sent.to == STREAM
    assert list(transactions.due(31.9)) == []

    received(transactions, request(method="ACK"), 31.9, STREAM)
    list(transactions.due(31.9))
    assert len(transactions) == 0


def test_a_cancel_before_the_answer_ends_the_call_and_one_after_it_changes_nothing() -> None:
    transactions = made()
    ask = asked(received(transactions, request()))
    cancel = request(method="CANCEL")

    first = received(transactions, cancel, 0.01)
    assert statuses(first) == [200, 487, "Cancelled"]
    assert first[2] == Cancelled(ask.key or ())
    tags = {seen(one.data).one("To") for one in first if isinstance(one, Send)}
    assert len(tags) == 1
    assert ask.key is not None
    assert transactions.answer(ask.key, BLOCK, 0.02) is None
    assert statuses(received(transactions, cancel, 0.03)) == [200]
    assert statuses(received(transactions, request(), 0.04)) == [487]


def test_a_cancel_of_an_answered_call_is_answered_and_of_no_call_refused() -> None:
    transactions = made()
    ask = asked(received(transactions, request()))
    assert ask.key is not None
    transactions.answer(ask.key, BLOCK, 0.0)

    assert statuses(received(transactions, request(method="CANCEL"))) == [200]
    assert statuses(received(transactions, request())) == [603]
    other = request(method="CANCEL", via="SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK-2")
    assert statuses(received(transactions, other)) == [481]


@pytest.mark.parametrize(
    ("message", "status"),
    [
        (request(method="OPTIONS"), 200),
        (request(method="REGISTER"), 405),
        (request(method="BYE"), 405),
        (request(max_forwards="0"), 483),
        (request(max_forwards="000"), 483),
        (request(to="<sip:a@b>;tag=x"), 481),
    ],
)
def test_what_is_no_new_call_is_answered_at_once_and_kept_nowhere(message: Request, status: int) -> None:
    transactions = made()
    first = received(transactions, message)

    assert statuses(first) == [status]
    assert received(transactions, message) == first, "a retransmission gets the same bytes"
    assert len(transactions) == 0


def test_options_says_whether_decisions_come_and_which_methods_there_are() -> None:
    (healthy,) = received(made(), request(method="OPTIONS"))
    assert isinstance(healthy, Send)
    assert seen(healthy.data).one("Allow") == "INVITE, ACK, CANCEL, OPTIONS"
    assert statuses(received(made(), request(method="OPTIONS"), is_healthy=False)) == [503]


def test_a_stranger_is_refused_but_for_an_ack() -> None:
    assert statuses(received(made(), request(), is_peer=False)) == ["Dropped", 403]
    assert statuses(received(made(), request(method="OPTIONS"), is_peer=False)) == ["Dropped", 403]
    assert received(made(), request(method="ACK"), is_peer=False) == []


def test_without_a_via_nobody_can_be_answered() -> None:
    assert received(made(), request(via=None)) == [Dropped("no_via")]
    assert received(made(), request(via="nonsense")) == [Dropped("no_via")]


def test_100_trying_comes_at_once_where_answers_take_long() -> None:
    transactions = made()
    first = received(transactions, request(), is_slow=True)

    assert statuses(first) == [100, "Ask"]
    assert statuses(received(transactions, request(), 0.5)) == [100]


def test_beyond_the_bound_calls_are_answered_without_being_remembered() -> None:
    transactions = made(most=1)
    received(transactions, request())
    second = request(via="SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK-2", call_id="2")
    ask = asked(received(transactions, second))

    assert ask.key is None
    assert transactions.forgetful(ask.request, ask.source, BLOCK) == transactions.forgetful(second, SWITCH, BLOCK)
    assert len(transactions) == 1


def test_who_has_another_branch_or_another_sent_by_is_another_call() -> None:
    transactions = made()
    for via in ("a:5060;branch=z9hG4bK-1", "b:5060;branch=z9hG4bK-1", "a:5061;branch=z9hG4bK-1", "a;branch=z9hG4bK-2"):
        asked(received(transactions, request(via=f"SIP/2.0/UDP {via}")))
    assert received(transactions, request(via="SIP/2.0/TCP A:5060;branch=z9hG4bK-1")) == []
    assert len(transactions) == 4


def test_no_call_gets_the_answer_of_another_where_a_branch_comes_twice() -> None:
    """As of a switch that counts from one after a restart, or a proxy that makes it of what its caller wrote."""
    transactions = made()
    ask = asked(received(transactions, request()))
    assert ask.key is not None
    transactions.answer(ask.key, BLOCK, 0.0)

    other = asked(received(transactions, request(call_id="other@a")))
    assert statuses(received(transactions, request(method="CANCEL", call_id="other@a"))) == [200, 487, "Cancelled"]
    assert other.key != ask.key
    assert statuses(received(transactions, request())) == [603]


def test_a_branch_of_before_rfc_3261_says_nothing_and_the_call_is_known_by_the_rest() -> None:
    """RFC 2543; an ACK has the To tag of our answer."""
    transactions = made()
    old = {"via": "SIP/2.0/UDP 192.0.2.10;branch=1"}
    ask = asked(received(transactions, request(**old)))
    assert received(transactions, request(**old)) == []
    asked(received(transactions, request(**old, call_id="another")))
    asked(received(transactions, request(**old, cseq="2 INVITE")))

    assert ask.key is not None
    transactions.answer(ask.key, BLOCK, 0.0)
    received(transactions, request(method="ACK", **old, to="<sip:a@b>;tag=ours"))
    assert received(transactions, request(**old)) == []


def test_an_answer_that_cannot_be_written_leaves_the_call_to_be_answered_otherwise() -> None:
    transactions = made()
    ask = asked(received(transactions, request()))
    assert ask.key is not None
    with pytest.raises(ValueError, match="control"):
        transactions.answer(ask.key, Answer(603, "a\r\nb"), 0.0)

    assert transactions.answer(ask.key, BLOCK, 0.0) is not None


STEPS = st.lists(
    st.tuples(st.sampled_from(["INVITE", "INVITE", "ACK", "CANCEL", "answer", "wait", "wait_long"]), st.integers(1, 4)),
    max_size=60,
)


@settings(max_examples=300)
@given(STEPS, st.booleans())
def test_whatever_comes_in_whatever_order_a_call_has_one_answer(steps: list[tuple[str, int]], is_stream: bool) -> None:
    """Held against what was asked and sent: for each time that a call was asked about, one final answer, once given."""
    source = STREAM if is_stream else SWITCH
    transactions = made()
    now_s = 0.0
    asks: dict[int, Ask] = {}
    finals: dict[int, bytes] = {}

    def note(outputs: Iterable[Output], number: int) -> None:
        for one in outputs:
            if isinstance(one, Ask):
                assert number not in asks, "asked about twice"
                asks[number] = one
                finals.pop(number, None)
            elif isinstance(one, Send) and seen(one.data).one("CSeq") == "1 INVITE":
                assert finals.setdefault(number, one.data) == one.data, "two answers"

    for step, number in steps:
        via = f"SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK-{number}"
        if step.startswith("wait"):
            now_s += 0.3 if step == "wait" else 40.0
            for send in transactions.due(now_s):
                note([send], int(seen(send.data).one("Via").partition("bK-")[2][0]))
            if step == "wait_long":
                assert len(transactions) == 0
                asks.clear()
                finals.clear()
        elif step == "answer":
            if number in asks:
                sent = transactions.answer(asks[number].key or (), BLOCK, now_s)
                assert (sent is None) == (number in finals)
                note([] if sent is None else [sent], number)
        else:
            if len(transactions) < len(asks):  # forgotten after its ACK
                for gone in [one for one in asks if asks[one].key not in transactions._open]:
                    asks.pop(gone)
                    finals.pop(gone, None)
            note(received(transactions, request(method=step, via=via), now_s, source), number)
    list(transactions.due(now_s + 33))
    assert len(transactions) == 0


@settings(max_examples=500)
@given(st.data())
def test_damaged_datagrams_raise_nothing_and_keep_nothing(data: st.DataObject) -> None:
    """Bytes of an INVITE are changed, cut out and repeated; whatever is asked about can be answered."""
    message = bytearray(invite())
    for _ in range(data.draw(st.integers(1, 5))):
        at, span = data.draw(st.integers(0, len(message))), data.draw(st.integers(0, 20))
        message[at : at + span] = data.draw(st.one_of(st.binary(max_size=8), st.just(bytes(message[at : at + 90]))))
    transactions = made()
    try:
        found = read_request(bytes(message))
    except Junk:
        return
    for output in received(transactions, found):
        if isinstance(output, Ask):
            assert transactions.answer(output.key or (), BLOCK, 0.0) is not None
    list(transactions.due(33.0))
    assert len(transactions) == 0


def test_no_message_of_the_torture_test_goes_without_an_answer_that_should_have_one(reference_data: Path) -> None:
    """RFC 4475: an INVITE is asked about or refused, another request gets an answer, the rest is junk with a reason."""
    counted: dict[str, int] = {}
    for path in sorted((reference_data / "sip_torture").glob("*.dat")):
        try:
            found = read_request(path.read_bytes())
        except Junk as junk:
            counted[junk.reason] = counted.get(junk.reason, 0) + 1
            continue
        outputs = received(made(), found)
        assert len(outputs) == (0 if found.method == "ACK" else 1), path.name
        for kind in statuses(outputs):
            counted[str(kind)] = counted.get(str(kind), 0) + 1
    assert sum(counted.values()) >= 45
    assert counted["response"] == 5
