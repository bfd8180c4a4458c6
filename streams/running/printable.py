"""Text of strangers on a terminal: a called number may hold what moves the cursor or sets the title of the window."""


def printable(text: str) -> str:
    """The text with each character that is none to look at as its escape: controls, ESC above all, and marks of order.

    Line breaks are escaped too: give it one line.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
