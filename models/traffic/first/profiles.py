"""How calls of each kind behave: outcome, duration, attestation, numbers and targets. Calibrated on published figures.

Attestation: of all calls about 53 % arrive unsigned, 31 % A (TransNexus 2024-12), the rest B and C; robocalls are 5-7
% of unsigned, 3.4 % of A, 20-28 % of B and 16-37 % of C (TransNexus 2022-06..2023-07). Durations: conversations
average 180 s or at least 20 % last above 120 s, diallers average < 60 s (legalcallsonly.org). Answer rates 50-70 %,
call centres 20 % (sippysoft). Busy 3-6 %, no answer 25-35 % (predictive dialling study, unicomsi.com). Spans of
parameters overlap on purpose: no single figure tells a robocall.
"""

from dataclasses import dataclass
from typing import NamedTuple


class Outcome(NamedTuple):
    """Mean behaviour of the calls of one caller. Shares are of calls to numbers that exist; the rest rings out."""

    answer: float
    busy: float
    cancel: float
    reject: float
    fail: float
    ring_s: float
    short_s: float
    short_sigma: float
    long_s: float
    long_sigma: float
    long_share: float
    caller_ends: float


class Attest(NamedTuple):
    """Shares of calls by attestation; the rest is unsigned."""

    a: float
    b: float
    c: float
    failed: float


#                      ans   busy  canc  rej   fail  ring  short sig   long  sig   share caller
PERSON = Outcome(0.64, 0.05, 0.10, 0.02, 0.010, 9.0, 24.0, 0.9, 150.0, 1.0, 0.48, 0.50)
BUSINESS = Outcome(0.62, 0.04, 0.08, 0.03, 0.010, 11.0, 32.0, 0.9, 160.0, 0.9, 0.50, 0.55)
INBOUND = Outcome(0.90, 0.03, 0.05, 0.00, 0.010, 3.0, 45.0, 0.9, 260.0, 0.8, 0.60, 0.60)
OUTBOUND = Outcome(0.36, 0.04, 0.08, 0.05, 0.015, 16.0, 10.0, 0.8, 150.0, 0.9, 0.26, 0.60)
REMINDER = Outcome(0.55, 0.05, 0.01, 0.03, 0.010, 14.0, 9.0, 0.8, 34.0, 0.35, 0.62, 0.66)
ALERT = Outcome(0.48, 0.07, 0.01, 0.03, 0.030, 15.0, 8.0, 0.8, 36.0, 0.40, 0.66, 0.72)
PASSCODE = Outcome(0.86, 0.03, 0.02, 0.01, 0.010, 6.0, 9.0, 0.4, 19.0, 0.35, 0.60, 0.55)
DELIVERY = Outcome(0.58, 0.03, 0.16, 0.03, 0.010, 13.0, 16.0, 0.7, 38.0, 0.60, 0.45, 0.55)
DEBT = Outcome(0.30, 0.05, 0.08, 0.07, 0.010, 18.0, 7.0, 0.8, 90.0, 1.1, 0.22, 0.60)
SURVEY = Outcome(0.29, 0.05, 0.12, 0.08, 0.015, 17.0, 7.0, 0.9, 60.0, 0.9, 0.30, 0.55)
PROXY = Outcome(0.66, 0.03, 0.16, 0.02, 0.010, 9.0, 15.0, 0.6, 36.0, 0.60, 0.40, 0.50)
CONFERENCE = Outcome(0.96, 0.01, 0.01, 0.00, 0.010, 2.0, 240.0, 1.0, 1_700.0, 0.6, 0.70, 0.85)
HOTLINE = Outcome(0.52, 0.26, 0.14, 0.01, 0.030, 5.0, 25.0, 0.9, 140.0, 0.8, 0.45, 0.60)
CALLBACK = Outcome(0.42, 0.16, 0.18, 0.04, 0.010, 12.0, 18.0, 0.7, 40.0, 0.7, 0.40, 0.50)
POLITICAL = Outcome(0.33, 0.05, 0.12, 0.08, 0.015, 16.0, 7.0, 0.8, 32.0, 0.70, 0.46, 0.45)
FLASH_CALL = Outcome(0.03, 0.03, 0.89, 0.01, 0.010, 2.6, 3.0, 0.4, 6.0, 0.40, 0.30, 0.90)
NEW_NUMBER = Outcome(0.55, 0.04, 0.09, 0.04, 0.010, 12.0, 18.0, 0.9, 120.0, 1.0, 0.42, 0.52)

FLOOD = Outcome(0.40, 0.05, 0.03, 0.09, 0.020, 14.0, 5.0, 0.7, 26.0, 0.55, 0.45, 0.40)
SCAM = Outcome(0.38, 0.05, 0.05, 0.07, 0.015, 14.0, 6.0, 0.8, 30.0, 0.70, 0.42, 0.42)
SLOW = Outcome(0.42, 0.05, 0.06, 0.06, 0.010, 13.0, 8.0, 0.9, 48.0, 0.90, 0.40, 0.45)
WANGIRI = Outcome(0.03, 0.03, 0.90, 0.01, 0.010, 2.2, 3.0, 0.4, 6.0, 0.40, 0.30, 0.90)
DENIAL = Outcome(0.40, 0.38, 0.10, 0.03, 0.030, 8.0, 12.0, 0.8, 70.0, 0.80, 0.45, 0.45)
ROTATION = Outcome(0.42, 0.05, 0.05, 0.06, 0.010, 14.0, 7.0, 0.8, 36.0, 0.80, 0.45, 0.45)
PADDED = Outcome(0.46, 0.05, 0.04, 0.04, 0.010, 13.0, 22.0, 0.8, 125.0, 0.45, 0.50, 0.55)

RETAIL_SIGNED = Attest(0.32, 0.065, 0.065, 0.008)
CENTRE_SIGNED = Attest(0.34, 0.12, 0.05, 0.012)
BULK_SIGNED = Attest(0.42, 0.13, 0.04, 0.010)
SPOOFED = Attest(0.04, 0.30, 0.22, 0.045)
GATEWAY = Attest(0.02, 0.12, 0.34, 0.030)
DIALLER = Attest(0.14, 0.32, 0.18, 0.015)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobKind:
    """A caller that works through something between two instants: a campaign, or a lawful burst.

    Attributes:
        weight: Share of its group's calls, relative to the other kinds of the group.
        per_hour: Jobs that start in an hour, relative to what `TrafficSpec` says of campaigns or of bursts.
        minutes: Shortest and longest duration.
        numbers: Where calling numbers come from: `pool`, `fresh`, `neighbour`, `local`, `person` (a spoofed one),
            `persons` (callers of their own), `inbound` (numbers that never originate a call), `foreign`, `invalid`.
        pool: Fewest and most numbers of a pool.
        targets: Whom it calls: `list`, `book` (its own customers, once each), `sequential`, `victim`.
        in_order: Probability that it dials the extensions of a campus or a plant, one after the other, instead.
        valid: Lowest and highest share of its list that exists.
        actors: Independent callers, each with trunks and habits of its own.
        own_origin: Probability that it signs under an origin id of its own and not under its provider's.
        phases: Fewest and most times that it is on air; it comes back with new numbers after each pause.
    """

    name: str
    weight: float
    outcome: Outcome
    attest: Attest
    per_hour: float = 1.0
    minutes: tuple[float, float] = (10.0, 60.0)
    numbers: str = "pool"
    pool: tuple[int, int] = (1, 1)
    targets: str = "list"
    valid: tuple[float, float] = (0.75, 0.95)
    own_origin: float = 0.75
    actors: int = 1
    phases: tuple[int, int] = (1, 1)
    in_order: float = 0.0


LAWFUL_JOBS: tuple[JobKind, ...] = (
    JobKind(
        name="reminder",
        weight=0.045,
        outcome=REMINDER,
        attest=BULK_SIGNED,
        per_hour=6.0,
        minutes=(6, 40),
        pool=(1, 2),
        targets="book",
        valid=(0.93, 0.99),
        own_origin=0.7,
    ),
    JobKind(
        name="mass_alert",
        weight=0.055,
        outcome=ALERT,
        attest=BULK_SIGNED,
        per_hour=1.0,
        minutes=(2, 6),
        pool=(1, 4),
        targets="book",
        valid=(0.85, 0.98),
        own_origin=0.6,
        in_order=0.25,
    ),
    JobKind(
        name="survey",
        weight=0.020,
        outcome=SURVEY,
        attest=BULK_SIGNED,
        per_hour=1.0,
        minutes=(30, 120),
        numbers="local",
        pool=(20, 80),
        valid=(0.80, 0.95),  # random digits, a tenth of them unobtainable (unicomsi), or a list
        own_origin=0.6,
        in_order=0.15,
    ),
    JobKind(
        name="political",
        weight=0.015,
        outcome=POLITICAL,
        attest=BULK_SIGNED,
        per_hour=1.0,
        minutes=(15, 90),
        numbers="local",
        pool=(5, 120),
        valid=(0.80, 0.95),
        own_origin=0.6,
    ),
    JobKind(
        name="outbound_call_centre",
        weight=0.040,
        outcome=OUTBOUND,
        attest=CENTRE_SIGNED,
        per_hour=2.0,
        minutes=(40, 150),
        pool=(3, 30),
        valid=(0.84, 0.98),
        own_origin=0.7,
    ),
    JobKind(
        name="debt_collection",
        weight=0.020,
        outcome=DEBT,
        attest=CENTRE_SIGNED,
        per_hour=1.0,
        minutes=(60, 180),
        numbers="local",
        pool=(10, 50),
        targets="book",
        valid=(0.80, 0.94),
        own_origin=0.6,
    ),
    JobKind(  # an outage, a ticket sale, a radio contest: everybody calls one number
        name="inbound_call_centre",
        weight=0.025,
        outcome=HOTLINE,
        attest=RETAIL_SIGNED,
        minutes=(5, 25),
        numbers="persons",
        pool=(400, 4_000),
        targets="victim",
        own_origin=0.0,
        actors=20,
    ),
)

CAMPAIGNS: tuple[JobKind, ...] = (
    JobKind(  # few, and each of thousands of calls where the world is large enough
        name="flood",
        weight=0.11,
        outcome=FLOOD,
        attest=DIALLER,
        per_hour=0.35,
        minutes=(6, 60),
        pool=(1, 3),
        valid=(0.66, 0.92),
    ),
    JobKind(
        name="snowshoe", weight=0.13, outcome=SCAM, attest=DIALLER, minutes=(20, 90), pool=(60, 500), valid=(0.72, 0.94)
    ),
    JobKind(
        name="one_number_per_call",
        weight=0.12,
        outcome=SCAM,
        attest=SPOOFED,
        minutes=(20, 90),
        numbers="fresh",
        valid=(0.70, 0.93),
    ),
    JobKind(
        name="neighbour_spoofing",
        weight=0.12,
        outcome=SCAM,
        attest=SPOOFED,
        minutes=(20, 90),
        numbers="neighbour",
        valid=(0.72, 0.94),
    ),
    JobKind(
        name="sequential_dialling",
        weight=0.07,
        outcome=FLOOD,
        attest=SPOOFED,
        minutes=(10, 45),
        pool=(1, 12),
        targets="sequential",
    ),
    JobKind(
        name="low_and_slow",
        weight=0.09,
        outcome=SLOW,
        attest=DIALLER,
        per_hour=2.0,
        minutes=(60, 180),
        pool=(8, 40),
        valid=(0.84, 0.97),
    ),
    JobKind(
        name="hijacked_number",
        weight=0.06,
        outcome=SCAM,
        attest=SPOOFED,
        minutes=(15, 60),
        numbers="person",
        pool=(1, 2),
        valid=(0.75, 0.95),
        own_origin=0.2,
    ),
    JobKind(
        name="wangiri",
        weight=0.05,
        outcome=WANGIRI,
        attest=GATEWAY,
        minutes=(8, 40),
        numbers="foreign",
        pool=(5, 60),
        valid=(0.75, 0.93),
        own_origin=0.2,
    ),
    JobKind(
        name="telephony_dos",
        weight=0.05,
        outcome=DENIAL,
        attest=SPOOFED,
        minutes=(6, 30),
        numbers="fresh",
        targets="victim",
        own_origin=0.3,
    ),
    JobKind(
        name="invalid_numbers",
        weight=0.05,
        outcome=FLOOD,
        attest=SPOOFED,
        minutes=(10, 60),
        numbers="invalid",
        pool=(10, 200),
        valid=(0.68, 0.92),
        own_origin=0.2,
    ),
    JobKind(
        name="a_attested_rotation",
        weight=0.08,
        outcome=ROTATION,
        attest=Attest(0.94, 0.03, 0.0, 0.0),
        minutes=(20, 120),
        pool=(100, 800),
        valid=(0.82, 0.97),
        own_origin=0.8,
    ),
    JobKind(
        name="padded_durations",
        weight=0.07,
        outcome=PADDED,
        attest=DIALLER,
        minutes=(20, 120),
        pool=(20, 200),
        valid=(0.82, 0.97),
    ),
    JobKind(  # each call by another of many trunks and providers
        name="trunk_hopping",
        weight=0.06,
        outcome=SCAM,
        attest=DIALLER,
        minutes=(20, 90),
        pool=(20, 150),
        valid=(0.72, 0.94),
        actors=12,
    ),
    JobKind(
        name="stop_and_return",
        weight=0.06,
        outcome=SCAM,
        attest=DIALLER,
        minutes=(40, 180),
        pool=(2, 30),
        valid=(0.74, 0.95),
        phases=(2, 5),
    ),
    JobKind(  # an old list: every second number is not in service
        name="poor_list",
        weight=0.05,
        outcome=SCAM,
        attest=DIALLER,
        minutes=(15, 90),
        pool=(1, 30),
        valid=(0.35, 0.65),
    ),
    JobKind(  # the hotline of a bank or an office as calling number
        name="do_not_originate",
        weight=0.04,
        outcome=SCAM,
        attest=SPOOFED,
        minutes=(15, 60),
        numbers="inbound",
        pool=(1, 4),
        valid=(0.75, 0.95),
        own_origin=0.2,
    ),
)
