"""Every address of the console, and who may send each of its forms, as `docs/console.md` promises it: written by hand.

`test_rights.py` holds the console to it: an address that is not here fails there, and so does one that is gone.
`test_permitted.py` lets each role do all that it may.
"""

from typing import NamedTuple

from streams.console.roles import Role

EVERYBODY = frozenset(Role)
_BY = {role.value: role for role in Role}


def _by(names: str) -> frozenset[Role]:
    return frozenset(_BY[name] for name in names.split())


class Form(NamedTuple):
    """A form.

    Attributes:
        place: The page that it stands on.
        roles: Who may send it.
        fields: What is sent besides the token and the reason: such that it would be done.
    """

    place: str
    roles: frozenset[Role]
    fields: dict[str, str]


OPEN = {
    ("GET", "/health"),
    ("GET", "/assets/{name}"),
    ("GET", "/sign-in"),
    ("POST", "/sign-in"),
    ("GET", "/sign-in/oidc"),
    ("GET", "/sign-in/oidc/back"),
}
"""They need no sign-in."""
PAGES = {
    "/": "now",
    "/now": "now",
    "/now/figures": "now",
    "/now/suspects": "now",
    "/now/series": "now",
    "/now/thresholds": "now",
    "/now/scores": "now",
    "/now/workers": "now",
    "/now/upstreams": "now",
    "/about/{link}": "number",
    "/about/{link}/history": "number",
    "/about/{link}/{place}": "number",
    "/campaigns": "campaigns",
    "/campaigns/list": "campaigns",
    "/campaigns/now": "now",
    "/campaigns/{link}": "campaign",
    "/campaigns/{link}/cases": "campaign",
    "/cases/{link}": "redress",
    "/cases/{link}/record": "traceback",
    "/cases/{link}/exports": "traceback",
    "/queues": "queues",
    "/queues/cases": "queues",
    "/queues/questions": "queues",
    "/queues/alarms": "queues",
    "/model": "model",
    "/model/facts": "model",
    "/model/work": "model",
    "/policy": "policy",
    "/policy/work": "policy",
    "/policy/saved": "policy",
}
"""Pages and their parts, which everybody who is signed in may see, with the place that they are about."""
FORMS = {
    "/sign-out": Form("now", EVERYBODY, {}),
    "/search": Form("now", EVERYBODY, {"q": "+12025550177"}),
    "/about/{link}/unmask": Form("number", _by("redress investigator admin"), {}),
    "/about/{link}/release": Form("number", _by("operator redress admin"), {}),
    "/about/{link}/list": Form("number", _by("operator investigator admin"), {"change": "block", "basis": "analytics"}),
    "/about/{link}/redress": Form("number", _by("operator redress admin"), {"contact": ""}),
    "/about/{link}/traceback": Form("call", _by("investigator admin"), {}),
    "/campaigns/{link}/verdict": Form(
        "campaign", _by("operator investigator model_owner admin"), {"verdict": "confirm"}
    ),
    "/campaigns/{link}/traceback": Form("campaign", _by("investigator admin"), {}),
    "/cases/{link}/tell": Form("redress", _by("redress admin"), {}),
    "/cases/{link}/grant": Form("redress", _by("redress admin"), {"days": "30"}),
    "/cases/{link}/reject": Form("redress", _by("redress admin"), {}),
    "/cases/{link}/close": Form("traceback", _by("investigator admin"), {}),
    "/cases/{link}/export": Form("traceback", _by("investigator admin"), {"form": "json"}),
    "/queues/questions": Form("queues", _by("operator investigator model_owner admin"), {"verdict": "confirm"}),
    "/model/change": Form("model", _by("model_owner admin"), {"what": "shadow"}),
    "/policy/try": Form("policy", _by("model_owner admin"), {"text": "mode: shadow\n"}),
    "/policy/enforce": Form("policy", _by("model_owner admin"), {"mode": "shadow", "percent": "100", "trunk": ""}),
    "/policy/save": Form("policy", _by("model_owner admin"), {}),
}
