"""Kinds of lawful organisation and machine: how many calls they make, to whom, from which numbers, and when."""

from dataclasses import dataclass, replace

from models.traffic.fourth.attempts import BORROWED, OWN


@dataclass(frozen=True, slots=True, kw_only=True)
class LawfulKind:
    """Organisations of one kind; each is drawn around these figures.

    Attributes:
        name: of the kind; several rows may have one name.
        weight: share of all lawful calls, in hundredths, about.
        calls_each: calls a usual day of an organisation, about.
        numbers: how many numbers it shows, from and to.
        shown: whose numbers: `outside`, `local`, `toll_free`, `abroad`, `odd`, `short_code`, `own_line`, or
            `presence`, which is another one in the area of each called.
        providers: kinds of provider that it may call through.
        right: to those numbers, see `attempts`.
        behaviour: how its calls go, see `network.outcomes`.
        hours: see `rhythm.HOURS`.
        week: see `rhythm.WEEKS`.
        reach: whom it calls: its `list`, `fresh` subscribers each time, an `area` line by line, `mixed`: half of its
            list are other carriers' customers, or `hotline`: persons call its numbers.
        list_days: how many days it takes to call as often as its list is long.
        burst_minutes: it calls for so long on some days only, and not at all else; 0 is all day.
        bursts: share of days on which it does.
        redials: share of calls that are tried again, up to three times within the hour.
        is_punctual: it calls each of its list once a day, at a time of day that stays the same.
    """

    name: str
    weight: float
    calls_each: float
    providers: tuple[str, ...]
    behaviour: str
    numbers: tuple[int, int] = (1, 3)
    shown: str = "local"
    right: int = OWN
    hours: str = "office"
    week: str = "office"
    reach: str = "list"
    list_days: float = 20.0
    burst_minutes: float = 0.0
    bursts: float = 0.0
    redials: float = 0.0
    is_punctual: bool = False

    @property
    def tries(self) -> float:
        """How often a call is tried on the mean: once, then each time with half the chance."""
        return 1.0 + self.redials * (1.0 + 0.5 + 0.25)


_DIALLER = LawfulKind(name="", weight=1.0, calls_each=600.0, providers=("dialler",), behaviour="cold", numbers=(4, 30),
                      shown="presence", right=BORROWED, hours="dialler", week="mostly_office")  # fmt: skip
_MESSAGES = LawfulKind(name="", weight=1.0, calls_each=150.0, providers=("platform",), behaviour="reminder",
                       right=BORROWED)  # fmt: skip
_OFFICE = LawfulKind(name="", weight=1.0, calls_each=40.0, providers=("enterprise", "cable"), behaviour="agent")
_MACHINE = LawfulKind(name="", weight=0.5, calls_each=60.0, providers=("cable", "mobile"), behaviour="machine",
                      hours="night", week="even", is_punctual=True)  # fmt: skip

ROWS: tuple[LawfulKind, ...] = (
    replace(_OFFICE, name="business", weight=6.0, shown="own_line", providers=("access",), reach="mixed", hours="trade",
            list_days=6.0, week="mostly_office"),
    replace(_OFFICE, name="inbound_call_centre", weight=4.5, calls_each=400.0, providers=("access",), reach="hotline",
            shown="own_line", numbers=(1, 2), behaviour="to_business", hours="shop", week="mostly_office"),
    replace(_OFFICE, name="inbound_call_centre", weight=0.8, calls_each=900.0, providers=("access",), reach="hotline",
            shown="own_line", numbers=(1, 1), behaviour="to_business", hours="waking", week="even", burst_minutes=25.0,
            bursts=0.15, redials=0.3),
    replace(_DIALLER, name="outbound_call_centre", weight=2.4, behaviour="sales", shown="toll_free", numbers=(2, 8),
            list_days=30.0),
    replace(_DIALLER, name="debt_collection", weight=1.5, list_days=3.0, numbers=(6, 60), redials=0.05),
    replace(_DIALLER, name="survey", weight=0.9, behaviour="interview", reach="fresh", hours="evening", week="even",
            redials=0.06, calls_each=900.0),
    replace(_DIALLER, name="charity", weight=0.9, reach="list", list_days=60.0, hours="evening", numbers=(2, 12)),
    replace(_DIALLER, name="political", weight=0.7, providers=("platform", "dialler"), behaviour="interview",
            reach="fresh", hours="evening", week="weekend", numbers=(3, 25)),
    replace(_DIALLER, name="insurance_agent", weight=0.9, calls_each=70.0, providers=("dialler", "enterprise"),
            behaviour="agent", shown="local", numbers=(1, 3), list_days=15.0),
    replace(_DIALLER, name="recruiter", weight=0.5, calls_each=50.0, providers=("platform", "enterprise"),
            behaviour="agent", shown="outside", numbers=(1, 4), reach="fresh", hours="office", week="office"),
    replace(_MESSAGES, name="reminder", weight=2.0, hours="shop", week="mostly_office", list_days=40.0),
    replace(_MESSAGES, name="pharmacy", weight=1.7, calls_each=220.0, numbers=(1, 2), hours="waking", week="shop",
            list_days=25.0, redials=0.04),
    replace(_MESSAGES, name="bank_alert", weight=0.8, calls_each=300.0, shown="toll_free", hours="waking", week="even",
            list_days=60.0),
    replace(_MESSAGES, name="mass_alert", weight=1.6, calls_each=500.0, behaviour="alert", numbers=(1, 1),
            hours="school", week="school", burst_minutes=6.0, bursts=0.3, list_days=1.2),
    replace(_MESSAGES, name="utility_outage", weight=0.6, calls_each=800.0, behaviour="alert", shown="toll_free",
            numbers=(1, 2), hours="waking", week="even", reach="area", burst_minutes=14.0, bursts=0.12),
    replace(_MESSAGES, name="airline", weight=0.4, calls_each=200.0, shown="toll_free", numbers=(1, 2), hours="waking",
            week="even", burst_minutes=30.0, bursts=0.25, list_days=90.0),
    replace(_MESSAGES, name="passcode", weight=0.8, calls_each=400.0, behaviour="code", numbers=(3, 20),
            shown="outside", hours="waking", week="even", list_days=30.0, redials=0.08),
    replace(_MESSAGES, name="flash_call", weight=0.3, calls_each=300.0, behaviour="flash", numbers=(30, 60),
            shown="abroad", providers=("gateway", "wholesale"), hours="late", week="even", reach="fresh"),
    replace(_MESSAGES, name="government", weight=0.6, calls_each=250.0, behaviour="alert", numbers=(1, 2),
            hours="trade", reach="fresh", providers=("enterprise", "platform")),
    replace(_MESSAGES, name="shift_call", weight=0.4, calls_each=60.0, behaviour="paging", hours="morning", week="even",
            burst_minutes=12.0, bursts=0.7, list_days=1.5, redials=0.4),
    replace(_MESSAGES, name="phone_tree", weight=0.4, calls_each=25.0, behaviour="known", providers=("cable", "mobile"),
            numbers=(1, 1), hours="evening", week="weekend", burst_minutes=35.0, bursts=0.3, list_days=1.0, right=OWN),
    replace(_OFFICE, name="doctors", weight=1.7, calls_each=60.0, shown="local", numbers=(1, 2), list_days=25.0),
    replace(_OFFICE, name="hospital", weight=1.0, calls_each=250.0, numbers=(1, 1), behaviour="paging", hours="waking",
            week="even", list_days=6.0, redials=0.12),
    replace(_OFFICE, name="car_dealer", weight=0.6, hours="shop", week="shop", list_days=50.0),
    replace(_OFFICE, name="hotel", weight=0.4, hours="waking", week="even", reach="fresh"),
    replace(_OFFICE, name="queue_callback", weight=0.4, calls_each=120.0, shown="toll_free", behaviour="proxy",
            hours="shop", week="mostly_office", reach="fresh"),
    replace(_OFFICE, name="pbx_redial", weight=1.0, calls_each=45.0, numbers=(1, 1), hours="trade", redials=0.5,
            list_days=2.0, week="mostly_office"),
    replace(_OFFICE, name="odd_caller_id", weight=1.0, calls_each=35.0, shown="odd", numbers=(1, 6), hours="trade",
            list_days=5.0, week="mostly_office"),
    replace(_OFFICE, name="brand_code", weight=0.3, calls_each=120.0, providers=("platform",), shown="short_code",
            numbers=(1, 1), behaviour="reminder", hours="shop", week="even"),
    replace(_OFFICE, name="fax", weight=0.8, calls_each=30.0, behaviour="fax", numbers=(1, 2), redials=0.35,
            list_days=3.0, hours="trade", providers=("enterprise", "rural")),
    replace(_OFFICE, name="delivery", weight=2.2, calls_each=35.0, providers=("mobile", "platform"), behaviour="proxy",
            numbers=(1, 1), hours="round", week="shop", reach="fresh"),
    replace(_OFFICE, name="ride_proxy", weight=1.3, calls_each=300.0, providers=("platform",), behaviour="proxy",
            numbers=(20, 60), hours="late", week="even", reach="fresh"),
    replace(_OFFICE, name="conference", weight=0.8, calls_each=80.0, providers=("access",), shown="own_line",
            behaviour="bridge", reach="hotline", numbers=(1, 3)),
    replace(_OFFICE, name="prison", weight=0.3, calls_each=150.0, providers=("enterprise", "dialler"), numbers=(1, 2),
            behaviour="prison", hours="waking", week="even", list_days=2.0, redials=0.2),
    replace(_OFFICE, name="relay_service", weight=0.2, calls_each=60.0, providers=("platform",), shown="toll_free",
            behaviour="to_business", hours="waking", week="even", list_days=4.0),
    replace(_OFFICE, name="international", weight=1.5, calls_each=4.0, providers=("gateway", "wholesale"),
            shown="abroad", numbers=(1, 1), behaviour="known", hours="late", week="even", list_days=0.8),
    replace(_OFFICE, name="alarm_station", weight=0.3, calls_each=80.0, numbers=(1, 2), behaviour="paging",
            hours="always", week="even", redials=0.6, list_days=15.0),
    replace(_MACHINE, name="alarm_panel", weight=0.6, reach="hotline", shown="own_line", providers=("access",),
            numbers=(1, 1), calls_each=150.0),
    replace(_MACHINE, name="telemetry", weight=0.5, shown="outside", numbers=(1, 1), calls_each=20.0, hours="always"),
    replace(_MACHINE, name="wellbeing_check", weight=0.4, providers=("platform",), behaviour="reminder",
            hours="morning", numbers=(1, 1), calls_each=40.0),
)  # fmt: skip
"""Rows of organisations; persons are of `lawful.people`."""
ALWAYS_THERE = ("business", "inbound_call_centre", "reminder")
"""Kinds that no carrier lacks."""
BRANDS = ("bank_alert", "pharmacy", "utility_outage", "airline", "government")
"""Kinds whose numbers are worth showing by those who do not have them."""
