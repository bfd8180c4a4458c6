"""Text for people: counts in words, and text of strangers, which may hold what moves the cursor or sets a title."""


def counted_in_words(count: int, what: str) -> str:
    """A count with its noun: `1 call`, `1,200 calls`.

    Args:
        count: How many.
        what: The noun in the singular, of those that take an s.
    """
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def printable(text: str) -> str:
    """The text with each character that is none to look at as its escape: controls, ESC above all, and marks of order.

    Line breaks are escaped too: give it one line.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
