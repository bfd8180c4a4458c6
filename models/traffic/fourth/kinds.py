"""Kinds of caller that only the fourth author has, and what each is; all others are `models.traffic.kinds`."""

from models.traffic.fourth.campaigns.kinds import KINDS
from models.traffic.fourth.lawful.kinds import ROWS
from models.traffic.fourth.lawful.people import SHARES

OWN_LAWFUL_DOC: dict[str, str] = {
    "person_to_business": "persons who call shops and offices",
    "charity": "fundraisers who ring former donors in the evening",
    "insurance_agent": "agents and brokers with local numbers",
    "recruiter": "people who look for staff",
    "pharmacy": "a prescription is ready; the same customers every month",
    "bank_alert": "a bank asks about a payment, at any hour",
    "utility_outage": "a power company calls a part of the town, line by line",
    "airline": "a flight is late: everybody on it is called within half an hour",
    "government": "courts, tax offices and towns",
    "shift_call": "an employer looks for somebody who works today, until one says yes",
    "phone_tree": "a club, a church or a team whose members are called in turn",
    "doctors": "practices and labs, by hand",
    "hospital": "one number for all who work there",
    "car_dealer": "a car is due for service",
    "hotel": "front desks that call guests",
    "queue_callback": "a hotline that calls back instead of letting people wait",
    "pbx_redial": "private exchanges that dial again and again until somebody answers",
    "odd_caller_id": "private exchanges that show an extension, seven digits or a text",
    "brand_code": "a short code where a number should be",
    "fax": "fax machines, which try again",
    "prison": "inmates, who talk long with few",
    "relay_service": "operators who speak for the deaf",
    "international": "families and firms abroad",
    "alarm_station": "a central station that rings all contacts of a household",
    "alarm_panel": "alarm panels that report to their station every night",
    "telemetry": "lifts and meters that report at a fixed minute",
    "wellbeing_check": "a daily call to old people who live alone, at the same minute",
}
"""Lawful kinds of this author alone."""
OWN_CAMPAIGN_DOC: dict[str, str] = {
    "brand_spoofing": "shows numbers of banks, pharmacies and offices that do call",
    "gateway_import": "comes from abroad with US numbers, signed at level C or not at all",
    "mailbox_drop": "wants the mailbox, and leaves a message there",
    "own_numbers": "a firm with some numbers of its own, at level A, day after day",
    "reminder_mimic": "calls as a clinic does: local numbers, office hours, the same persons again",
    "toll_free_pumping": "calls toll-free numbers and stays on, for the fee",
    "line_probing": "rings for some seconds, line after line, to learn which numbers live",
}
"""Kinds of campaign of this author alone."""
LAWFUL_KINDS = (*SHARES, *dict.fromkeys(row.name for row in ROWS), "spoofed_callback")
CAMPAIGN_KINDS = tuple(kind.name for kind in KINDS)
