"""What a calling number is."""

import numpy as np
import pytest

from detector.columns import numbering


def data(text: str) -> tuple[np.ndarray, int, int]:
    encoded = np.frombuffer(text.encode(), dtype=np.uint8)
    return encoded, 0, len(encoded)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("+12125550100", numbering.VALID),
        ("+19115550100", numbering.INVALID),
        ("+12124110100", numbering.INVALID),
        ("+18004110100", numbering.VALID),
        ("+18889110100", numbering.INVALID),
        ("+15004110100", numbering.VALID),
        ("+18888888888", numbering.VALID),
        ("+11125550100", numbering.INVALID),
        ("+12121550100", numbering.INVALID),
        ("+1212555010", numbering.INVALID),
        ("2125550100", numbering.INVALID),
        ("12345", numbering.INVALID),
        ("+442071234567", numbering.FOREIGN),
        ("+02071234567", numbering.INVALID),
        ("+4420712345678901", numbering.INVALID),
        ("anonymous", numbering.ANONYMOUS),
        ("", numbering.ANONYMOUS),
    ],
)
def test_class_of_a_calling_number(text: str, kind: int) -> None:
    assert numbering.classify(*data(text)) == kind


def test_digits_and_block() -> None:
    digits = numbering.nanp_digits(*data("+12125550199"))

    assert digits == 12_125_550_199
    assert numbering.npa_nxx(digits) == 212_555
    assert numbering.npa_nxx(0) == numbering.NOT_NANP


@pytest.mark.parametrize(("text", "free"), [("+18005550100", True), ("+18885550100", True), ("+18105550100", False)])
def test_toll_free(text: str, free: object) -> None:
    assert numbering.is_toll_free(numbering.nanp_digits(*data(text))) == free
