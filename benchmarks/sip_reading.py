"""What it costs to read an INVITE, here and by `sipmessage`, and what each refuses of RFC 4475's valid messages.

python -m benchmarks.sip_reading
"""

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sipmessage

from benchmarks.harness.machine import describe, give
from streams.bridge.sip.messages import Junk, read_request
from streams.bridge.sip.values import read_address, read_uri, read_via, split_list

VALID = (
    *("wsinv", "intmeth", "esc01", "escnull", "esc02", "lwsdisp", "longreq", "dblreq", "semiuri", "transports"),
    *("mpart01", "unreason", "noreason"),
)
"""Section 3.1.1 of RFC 4475; the last two are responses."""
DIGITS = 8_000
INVITE = "\r\n".join(
    [
        "INVITE sip:+13125550142@dip.example;user=phone SIP/2.0",
        "Via: SIP/2.0/UDP 203.0.113.7:5060;branch=z9hG4bK776asdhds;rport",
        "Max-Forwards: 70",
        'From: "Acme Dental" <sip:+12025550101@203.0.113.7;user=phone;verstat=TN-Validation-Passed>;tag=1928301774',
        "To: <sip:+13125550142@dip.example;user=phone>",
        "Call-ID: a84b4c76e66710@203.0.113.7",
        "CSeq: 314159 INVITE",
        "Contact: <sip:+12025550101@203.0.113.7:5060;tgrp=tg-chi-07;trunk-context=carrier.example>",
        'P-Asserted-Identity: "Acme Dental" <sip:+12025550101@203.0.113.7>, <tel:+12025550101>',
        "User-Agent: An SBC",
        f"Identity: {'e' * 600};info=<https://certificates.example/a.pem>;alg=ES256;ppt=shaken",
        "P-Charging-Vector: icid-value=abc123;icid-generated-at=10.0.0.1",
        "Supported: 100rel,timer",
        "Allow: INVITE, ACK, BYE",
        "Content-Type: application/sdp",
        "Content-Length: 142",
        "",
        "v=0" + "a" * 139,
    ]
).encode()


def main() -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=20_000, help="read by each [%(default)s]")
    parser.add_argument("--out", type=Path, help="also write the result to this file")
    options = parser.parse_args()
    many = options.messages
    bad = f"tel:+{'1' * DIGITS}!"
    result: dict[str, Any] = describe() | {
        "invite_bytes": len(INVITE),
        "headers_us": {"own": cost_us(lambda: read_request(INVITE), many), "sipmessage": cost_us(_their_headers, many)},
        "values_us": {"own": cost_us(_our_values, many), "sipmessage": cost_us(_their_values, many)},
        "bad_number_us": {"own": cost_us(lambda: read_uri(bad).number, 1), "sipmessage": cost_us(_refused, 1)},
        "refused": _refusals(),
    }
    give(result, options.out)


def cost_us(work: Callable[[], object], times: int) -> float:
    """Processor time of one run, microseconds."""
    work()
    began_s = time.process_time()
    for _ in range(times):
        work()
    return round((time.process_time() - began_s) / times * 1e6, 1)


def _our_values() -> None:
    found = read_request(INVITE)
    read_via(split_list(found.headers["via"][0])[0])
    for name in ("from", "to", "contact"):
        read_uri(read_address(found.headers[name][0]).uri)
    for value in split_list(found.headers["p-asserted-identity"][0]):
        read_uri(read_address(value).uri)


def _their_headers() -> sipmessage.Request | sipmessage.Response:
    return sipmessage.Message.parse(INVITE)


def _their_values() -> None:
    found = _their_headers()
    found.via, found.from_address, found.to_address, found.contact  # noqa: B018 - reading is the work
    sipmessage.Address.parse_many(found.headers["P-Asserted-Identity"])


def _refused() -> None:
    try:
        sipmessage.URI.parse(f"tel:+{'1' * DIGITS}!")
    except ValueError:
        return
    raise SystemExit("sipmessage takes what is no number: measure again what it is good for")


def _refusals() -> dict[str, list[str]]:
    """Names of the valid messages that each refuses; empty lists where the reference data is not there."""
    root = Path(os.environ.get("ROBOCALL_REFERENCE_DATA", Path(__file__).parents[2] / "shared" / "data"))
    refused: dict[str, list[str]] = {"own": [], "sipmessage": []}
    for name in VALID:
        path = root / "sip_torture" / f"{name}.dat"
        data = path.read_bytes() if path.is_file() else INVITE
        try:
            read_request(data)
        except Junk as junk:
            refused["own"] += [] if junk.reason == "response" else [name]
        try:
            sipmessage.Message.parse(data)
        except ValueError:
            refused["sipmessage"].append(name)
    return refused


if __name__ == "__main__":
    main()
