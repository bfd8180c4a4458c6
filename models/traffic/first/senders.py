"""Lawful senders of bursts that come again: the clinic, school or call centre that has called from its numbers before.

A caller that sells has to show a number at which it can be called back (47 CFR 64.1601(e)), clinics and schools show
the number that is in the book: so the numbers, trunks, origin and habits of a lawful burst are mostly known. New
senders, and numbers that are rented anew, remain: a share of the bursts, as a figure of the world.
"""

from dataclasses import dataclass

from models.traffic.first.population import Int64


@dataclass(frozen=True, slots=True)
class Sender:
    """A customer of a provider who calls from the same numbers whenever it calls.

    Attributes:
        rows: Its rows of the table of callers.
        pool: Its numbers.
        targets: Whom it calls, see `profiles.JobKind`.
        valid: Share of its list that exists.
        book_owner: Whose address book it calls.
    """

    rows: Int64
    pool: Int64
    targets: str
    valid: float
    book_owner: int
