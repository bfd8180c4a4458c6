"""Kinds of campaign: which numbers they show, whom they dial, through whom, how fast and for how long."""

from dataclasses import dataclass, replace

from models.traffic.fourth.attempts import BORROWED, OWN, SPOOFED


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignKind:
    """Campaigns of one kind; each is drawn around these figures.

    Attributes:
        name: of the kind.
        size: how many calls it makes while it is on air, relative to others.
        life_h: how many hours it lives, from and to.
        shown: how it chooses numbers to show, see `campaigns.shown`.
        pool: how many numbers it has at a time, from and to.
        renews_h: after how many hours it has others; 0 keeps them for life.
        dialled: how it chooses whom to call, see `campaigns.dialled`.
        dead: share of dialled numbers that are a list's dead ones, from and to.
        providers: kinds of provider that it may call through.
        ways: customers of providers through which its calls come, from and to.
        right: to the numbers shown, see `attempts`.
        behaviour: how its calls go, see `network.outcomes`.
        hours: see `rhythm.HOURS`; it is on air where these are not low.
        duty: share of hours in which it is on air, of those in which it might be.
        called_back: share of called persons who call the number shown.
    """

    name: str
    size: float = 1.0
    life_h: tuple[float, float] = (3.0, 30.0)
    shown: str = "pool"
    pool: tuple[int, int] = (1, 4)
    renews_h: int = 0
    dialled: str = "list"
    dead: tuple[float, float] = (0.01, 0.08)
    providers: tuple[str, ...] = ("wholesale", "dialler", "gateway")
    ways: tuple[int, int] = (1, 2)
    right: int = SPOOFED
    behaviour: str = "robot"
    hours: str = "dialler"
    duty: float = 0.75
    called_back: float = 0.0


_RENTED = CampaignKind(name="", providers=("platform", "dialler", "enterprise"), right=BORROWED)

KINDS: tuple[CampaignKind, ...] = (
    CampaignKind(name="flood", size=3.0, life_h=(1.0, 4.0), duty=1.0),
    replace(_RENTED, name="snowshoe", size=1.6, life_h=(8.0, 60.0), pool=(150, 700), renews_h=24),
    CampaignKind(name="one_number_per_call", size=1.4, shown="each", life_h=(3.0, 40.0), called_back=0.004),
    CampaignKind(name="neighbour_spoofing", size=1.5, shown="neighbour", called_back=0.008, behaviour="scam_agent"),
    CampaignKind(name="sequential_dialling", size=1.2, dialled="in_sequence", dead=(0.0, 0.0), life_h=(2.0, 20.0)),
    replace(_RENTED, name="low_and_slow", size=0.25, life_h=(30.0, 90.0), pool=(4, 25), behaviour="scam_agent"),
    CampaignKind(name="hijacked_number", size=0.9, shown="victim", life_h=(2.0, 12.0), called_back=0.035),
    CampaignKind(name="wangiri", size=0.9, shown="lure", pool=(3, 40), renews_h=3, providers=("gateway", "wholesale"),
                 behaviour="ring_once", hours="late", called_back=0.02),
    CampaignKind(name="telephony_dos", size=0.8, shown="each", dialled="victims", dead=(0.0, 0.0), life_h=(1.0, 5.0),
                 behaviour="tie_up", hours="waking", ways=(1, 4)),
    CampaignKind(name="invalid_numbers", size=0.7, shown="impossible", pool=(2, 60), renews_h=6),
    replace(_RENTED, name="a_attested_rotation", size=1.0, life_h=(10.0, 90.0), pool=(80, 500), renews_h=12, right=OWN,
            providers=("platform", "dialler")),
    CampaignKind(name="padded_durations", size=0.9, pool=(20, 200), renews_h=12, behaviour="padded"),
    CampaignKind(name="trunk_hopping", size=1.1, pool=(30, 300), renews_h=8, ways=(6, 14),
                 providers=("wholesale", "gateway", "dialler", "platform")),
    CampaignKind(name="stop_and_return", size=1.3, pool=(8, 60), renews_h=2, duty=0.4, life_h=(10.0, 70.0)),
    CampaignKind(name="poor_list", size=0.8, dead=(0.4, 0.65), pool=(4, 50)),
    CampaignKind(name="do_not_originate", size=0.8, shown="inbound_only", pool=(1, 3), called_back=0.01,
                 behaviour="scam_agent"),
    CampaignKind(name="brand_spoofing", size=1.0, shown="brand", pool=(1, 3), called_back=0.012, life_h=(3.0, 24.0),
                 behaviour="scam_agent"),
    CampaignKind(name="gateway_import", size=1.3, pool=(40, 400), renews_h=6, providers=("gateway",), ways=(1, 3),
                 behaviour="scam_agent", life_h=(10.0, 80.0)),
    replace(_RENTED, name="mailbox_drop", size=1.0, pool=(3, 30), right=OWN, behaviour="mailbox_drop", hours="trade"),
    replace(_RENTED, name="own_numbers", size=0.5, life_h=(50.0, 94.0), pool=(1, 6), right=OWN, behaviour="cold",
            dead=(0.02, 0.1)),
    replace(_RENTED, name="reminder_mimic", size=0.35, life_h=(20.0, 90.0), shown="local_pool", pool=(2, 6),
            hours="trade", dialled="again", right=OWN),
    replace(_RENTED, name="toll_free_pumping", size=0.8, shown="each", dialled="toll_free_lines", dead=(0.0, 0.0),
            behaviour="pump", hours="always", life_h=(4.0, 40.0)),
    CampaignKind(name="line_probing", size=0.8, pool=(2, 30), renews_h=4, dialled="in_sequence", dead=(0.0, 0.0),
                 behaviour="probe", hours="waking", life_h=(2.0, 12.0)),
)  # fmt: skip
"""All kinds; a carrier is drawn with some of them."""
