"""Telephone numbers of a carrier and of the world around it, as integers.

Ten digits of the North American plan stand for `+1` and those; more digits are a number abroad with its country code;
fewer are an extension, a short code or a number written without area code. A negative one is a text: `anonymous`.
"""

import math

import numpy as np

from models.traffic.fourth.arrays import Bools, Ints, draws, hashed, salt_of

AREA_CODES = np.array([
    201, 203, 205, 206, 207, 208, 210, 212, 213, 214, 215, 216, 217, 218, 219, 225, 228, 229, 231, 239, 248, 251, 252,
    253, 254, 256, 260, 262, 267, 269, 270, 276, 281, 301, 302, 303, 304, 305, 307, 308, 309, 310, 312, 313, 314, 315,
    316, 317, 318, 319, 320, 321, 330, 334, 336, 337, 347, 352, 360, 361, 386, 401, 402, 404, 405, 406, 407, 408, 409,
    410, 412, 413, 414, 415, 417, 419, 423, 425, 432, 434, 435, 440, 443, 469, 478, 479, 480, 484, 501, 502, 503, 504,
    505, 507, 508, 509, 510, 512, 513, 515, 516, 517, 518, 520, 530, 540, 541, 559, 561, 562, 563, 570, 573, 574, 580,
    585, 586, 601, 602, 603, 605, 606, 607, 608, 609, 610, 612, 614, 615, 616, 618, 619, 620, 626, 630, 631, 636, 641,
    650, 651, 660, 661, 662, 678, 682, 701, 702, 704, 706, 708, 712, 713, 714, 715, 716, 717, 718, 719, 724, 727, 731,
    732, 734, 740, 757, 760, 763, 765, 770, 772, 773, 775, 781, 785, 786, 801, 802, 803, 804, 805, 806, 808, 810, 812,
    813, 814, 815, 816, 817, 818, 828, 830, 831, 832, 843, 845, 847, 850, 856, 858, 859, 860, 863, 864, 865, 870, 901,
    903, 904, 906, 907, 908, 909, 910, 912, 913, 914, 915, 916, 917, 918, 919, 920, 925, 928, 931, 936, 937, 940, 941,
    949, 951, 952, 954, 956, 970, 971, 972, 973, 978, 979, 980, 985, 989,
])  # fmt: skip
"""Area codes of the US that are in use, most of them."""
TOLL_FREE = np.array([800, 833, 844, 855, 866, 877, 888])
EXCHANGES = np.array([code for code in range(200, 1_000) if code % 100 != 11 and code != 555])
"""Exchange codes: the first digit is 2 to 9, none is N11, and 555 is of directories."""
ABROAD = np.array([4_420, 5_255, 9_198, 63_917, 502, 503, 504, 8_613, 2_547, 2_348, 9_233, 1_242, 4_471])
_ABROAD_DIGITS = np.array([8, 8, 8, 7, 8, 8, 8, 9, 8, 8, 8, 7, 8])
LURES = np.array([371, 232, 37_529, 216, 675, 1_473, 1_876, 1_284, 252])
"""Prefixes that ring once and hope for a call back."""
_LURE_DIGITS = np.array([8, 8, 7, 8, 8, 7, 7, 7, 8])
TEXTS = ("anonymous", "Restricted", "unavailable", "unknown", "Private", "asterisk", "0", "*", "PBX Main")
"""What stands where a number should; the first is `-1`."""
_LINES = 10_000


class Numbering:
    """The numbers of a carrier's subscribers, and numbers of everybody else by who has them.

    Args:
        seed: of the carrier.
        subscribers: about how many; `self.subscribers` says how many there are.
    """

    def __init__(self, seed: int, subscribers: int) -> None:
        random = draws(seed, "numbering")
        count = max(4, math.ceil(subscribers / random.integers(3_000, 7_500)))
        self.areas: Ints = random.choice(AREA_CODES, random.integers(2, 6), replace=False)
        codes = random.choice(len(self.areas) * len(EXCHANGES), count, replace=False)
        self.exchanges: Ints = np.sort(self.areas[codes // len(EXCHANGES)] * 1_000 + EXCHANGES[codes % len(EXCHANGES)])
        self._per_exchange = min(9_500, math.ceil(subscribers / count))
        self.subscribers = count * self._per_exchange
        self._step = next(step for step in random.integers(1_000, 9_000, 99).tolist() if math.gcd(step, _LINES) == 1)
        self._shift: Ints = random.integers(0, _LINES, count)
        self._salt = salt_of(seed, "numbers")
        self._trap_share = random.uniform(0.03, 0.12)

    def subscriber(self, index: Ints) -> Ints:
        """The numbers of subscribers, of which there are `subscribers`."""
        rank, exchange = np.divmod(index % self.subscribers, len(self.exchanges))
        numbers: Ints = self.exchanges[exchange] * _LINES + (rank * self._step + self._shift[exchange]) % _LINES
        return numbers

    def line(self, index: Ints) -> Ints:
        """Lines of this carrier in the order of their numbers, in service or not, from the first one again at last."""
        exchange, line = np.divmod(index % (len(self.exchanges) * _LINES), _LINES)
        return self.exchanges[exchange] * _LINES + line

    def is_ours(self, numbers: Ints) -> Bools:
        """Whether they are of this carrier's exchanges."""
        is_ours: Bools = self.exchanges[self._place(numbers)] == numbers // _LINES
        return is_ours

    def is_in_service(self, numbers: Ints) -> Bools:
        """Whether somebody has the number; of other carriers' numbers it is believed."""
        exchange = self._place(numbers)
        inverse = pow(self._step, -1, _LINES)
        rank = (numbers % _LINES - self._shift[exchange]) * inverse % _LINES
        is_given: Bools = rank < self._per_exchange
        return is_given | ~self.is_ours(numbers)

    def is_trap(self, numbers: Ints) -> Bools:
        """Whether a number without a subscriber is answered by the carrier, to hear who calls."""
        is_chosen = hashed(numbers, self._salt) % 10_000 < round(self._trap_share * 10_000)
        return is_chosen & ~self.is_in_service(numbers)

    def outside(self, who: Ints) -> Ints:
        """Numbers of persons and organisations anywhere in the US, by any integer for each of them."""
        return self._of(AREA_CODES, hashed(who, self._salt + 1))

    def local(self, who: Ints) -> Ints:
        """Likewise, of the area codes of this carrier."""
        return self._of(self.areas, hashed(who, self._salt + 2))

    def present(self, who: Ints, near: Ints) -> Ints:
        """Likewise, in the areas of other numbers; those abroad, or no numbers, have some area of the US."""
        area = near // (1_000 * _LINES)
        area = np.where(np.isin(area, AREA_CODES), area, AREA_CODES[hashed(near, self._salt) % len(AREA_CODES)])
        words = hashed(who * 1_000 + area, self._salt + 6)
        numbers: Ints = (area * 1_000 + EXCHANGES[words % len(EXCHANGES)]) * _LINES + (words >> 32) % _LINES
        return numbers

    def toll_free(self, who: Ints) -> Ints:
        """Likewise, of toll-free numbers."""
        return self._of(TOLL_FREE, hashed(who, self._salt + 3))

    def abroad(self, who: Ints) -> Ints:
        """Likewise, of other countries."""
        return _prefixed(ABROAD, _ABROAD_DIGITS, hashed(who, self._salt + 4))

    def lure(self, who: Ints) -> Ints:
        """Likewise, of the countries and islands that a call back is dear to; some look like area codes."""
        return _prefixed(LURES, _LURE_DIGITS, hashed(who, self._salt + 5))

    def beside(self, numbers: Ints, is_same_exchange: Bools, random: np.random.Generator) -> Ints:
        """Numbers near others: another line of the exchange, or of another exchange of the area."""
        lines = random.integers(0, _LINES, len(numbers))
        codes = EXCHANGES[random.integers(0, len(EXCHANGES), len(numbers))]
        area = numbers // (1_000 * _LINES) * 1_000
        return np.where(is_same_exchange, numbers // _LINES, area + codes) * _LINES + lines

    def _place(self, numbers: Ints) -> Ints:
        places: Ints = np.searchsorted(self.exchanges, numbers // _LINES)
        return np.minimum(places, len(self.exchanges) - 1)

    @staticmethod
    def _of(areas: Ints, words: Ints) -> Ints:
        area, code = areas[words % len(areas)], EXCHANGES[(words >> 16) % len(EXCHANGES)]
        numbers: Ints = (area * 1_000 + code) * _LINES + (words >> 32) % _LINES
        return numbers


def _prefixed(prefixes: Ints, digits: Ints, words: Ints) -> Ints:
    chosen = words % len(prefixes)
    size = 10 ** digits[chosen]
    number = prefixes[chosen] * size + (size // 5 + (words >> 8) % (size * 4 // 5))
    is_of_the_plan = (prefixes[chosen] >= 1_000) & (prefixes[chosen] < 2_000)  # +1 242 is ten digits behind the 1
    is_n11 = number // _LINES % 100 == 11
    return np.where(is_of_the_plan, number - 10**10 + is_n11 * _LINES, number)


def impossible(random: np.random.Generator, size: int) -> Ints:
    """Numbers that nobody can have: codes that begin with 1 or are N11, too few or too many digits."""
    line: Ints = random.integers(0, _LINES, size)
    area, code = random.choice(AREA_CODES, size), random.choice(EXCHANGES, size)
    n11: Ints = random.integers(2, 10, size) * 100 + 11
    forms = np.stack([
        (random.integers(100, 200, size) * 1_000 + code) * _LINES + line,
        (n11 * 1_000 + code) * _LINES + line,
        (area * 1_000 + random.integers(0, 200, size)) * _LINES + line,
        (area * 1_000 + n11) * _LINES + line,
        code * _LINES + line,
        ((area * 1_000 + code) * _LINES + line) * 10_000_000,
    ])  # fmt: skip
    form: Ints = random.integers(0, len(forms), size)
    return forms[form, np.arange(size)]


def odd(who: Ints, salt: int) -> Ints:
    """What private exchanges show instead of a number: extensions, seven digits, `anonymous`."""
    words = hashed(who, salt)
    extension = 100 + (words >> 8) % 89_900
    seven = EXCHANGES[(words >> 8) % len(EXCHANGES)] * _LINES + (words >> 32) % _LINES
    return np.select([words % 10 < 4, words % 10 < 7], [extension, seven], -1 - (words >> 8) % len(TEXTS))


def short_code(who: Ints, salt: int) -> Ints:
    """Five or six digits that stand for a brand."""
    words = hashed(who, salt)
    return np.where(words % 3 == 0, 200_000 + words % 700_000, 20_000 + words % 79_000)


def text(number: int) -> str:
    """A number as a switch writes it."""
    if number < 0:
        return TEXTS[-1 - number]
    if number < 1_000_000_000:
        return str(number)
    return f"+1{number}" if number < 10_000_000_000 else f"+{number}"
