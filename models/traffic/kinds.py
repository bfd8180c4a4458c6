"""Kinds of caller, lawful and not: names that all authors share, so that figures by kind can be compared.

The first author's traffic has all of them. How callers of a kind behave is each author's own.
"""

LAWFUL_DOC: dict[str, str] = {
    "person": "persons, who mostly call whom they know, and return some of the calls",
    "business": "offices and shops with some numbers and customers of their own",
    "inbound_call_centre": "hotlines that persons call; at times, after an outage say, everybody calls one of them",
    "outbound_call_centre": "agents who call lists, all day or for an hour or two",
    "reminder": "a clinic's or a garage's reminders: a message to each of its customers within minutes",
    "mass_alert": "a school or a utility that calls everybody at once, for two to six minutes",
    "passcode": "codes read out to whoever signs in somewhere",
    "delivery": "drivers who call the households of their round",
    "debt_collection": "collectors with many local numbers, whom few answer",
    "survey": "pollsters with many local numbers, whom few answer",
    "ride_proxy": "numbers of a service through which drivers and passengers call each other",
    "conference": "dial-in numbers, with calls of half an hour",
    "spoofed_callback": "persons who call back the one whose number a robocaller showed",
    "new_number": "subscribers whose number has not called before",
    "political": "calls before an election, from local numbers",
    "flash_call": "sign-in by a missed call whose last digits are the code: it rings once, like wangiri",
}
"""Lawful kinds, and what each is."""
CAMPAIGN_DOC: dict[str, str] = {
    "flood": "one to three numbers that call thousands within an hour",
    "snowshoe": "spread over hundreds of numbers, so that each calls little",
    "one_number_per_call": "another calling number for each call",
    "neighbour_spoofing": "calling numbers near the called one: of its NPA-NXX, or of its area",
    "sequential_dialling": "dials line after line, whether in service or not",
    "low_and_slow": "some numbers that call little, for hours",
    "hijacked_number": "shows the number of a person, who is then called back",
    "wangiri": "numbers abroad that ring once, to be called back",
    "telephony_dos": "many numbers call one victim, to keep the line busy",
    "invalid_numbers": "calling numbers that nobody can have",
    "a_attested_rotation": "hundreds of rented numbers, nearly all calls signed at level A",
    "padded_durations": "keeps calls up, so that few are short",
    "trunk_hopping": "each call by another of many trunks and providers",
    "stop_and_return": "pauses, and comes back with new numbers",
    "poor_list": "an old list, of which every second number is not in service",
    "do_not_originate": "shows the hotline of a bank or an office, which never calls",
}
"""Kinds of campaign, and what each is."""
LAWFUL_KINDS = tuple(LAWFUL_DOC)
CAMPAIGN_KINDS = tuple(CAMPAIGN_DOC)
