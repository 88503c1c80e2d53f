"""Text that was decoded by another encoding than it was written in, recognised by its words.

Belongs here: the old Vietnamese font encodings (TCVN3, VNI), Windows-1258 and UTF-8 read as
Windows-1252, and how each is told from real text. Stays out: decoding (`text`).

An eight-bit encoding can decode any bytes, so nothing fails: `Nguyễn` lands as `NguyÔn`,
`Nguyeãn`, `NguyêÞn` or `Nguyá»…n`. A text is held to be such when many of its accented words
are no Vietnamese syllables and nearly all of those become some (or UTF-8) by one of these
readings. Words of other languages become syllables by none of them. Asked of a whole file and,
where only some of it is wrong, of each cell (`mapping`).
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

SAMPLE_LETTERS: Final = 200_000
"""Letters of a part that are looked at: some thousand words tell one encoding from another."""

_MOST, _FEW = 0.7, 0.3
_ENOUGH_WORDS: Final = 2
_WORD: Final = re.compile("[A-Za-z\u0080-\uffff]*[\u0080-\uffff][A-Za-z\u0080-\uffff]*")
_EDGES: Final = (
    "\u00a0\u00ab\u00bb\u2018\u2019\u201c\u201d\u2013\u2014\u2026\u200b\ufeff"
)
_STRANGE: Final = re.compile(
    "[\u0080-\u00bf\u00c4-\u00c7\u00cb\u00ce-\u00d1\u00d6-\u00d8\u00db\u00dc\u00de\u00df"
    "\u00e4-\u00e7\u00eb\u00ee-\u00f1\u00f6-\u00f8\u00fb\u00fc\u00fe\u00ff]"
    "|[\u00c3\u00e3\u00c2\u00e2\u00d2\u00f2\u00cc\u00ec\u00d4\u00f4\u00e9][^a-z]"
    "|[a-z][\u00c0-\u00de]|[AaEeOo][\u00e0-\u00ff\u00c0-\u00de]"
)
"""What Vietnamese text in Unicode hardly has and every wrong reading of it has somewhere."""

_TCVN3: Final = str.maketrans(
    "µ¸¶·¹¨»¾¼½Æ©ÇÊÈÉËÌÐÎÏÑªÒÕÓÔÖ×ÝØÜÞßãáâä«åèæçé¬êíëìîïóñòô\u00adõøö÷ùúýûüþ®¡¢§£¤¥¦",
    "àáảãạăằắẳẵặâầấẩẫậèéẻẽẹêềếểễệìíỉĩịòóỏõọôồốổỗộơờớởỡợùúủũụưừứửữựỳýỷỹỵđĂÂĐÊÔƠƯ",
)
_VNI_PAIRS: Final = {
    base + mark: result
    for base, marks, results in (
        ("a", "ùøûõï", "áàảãạ"),
        ("a", "êéèúüë", "ăắằẳẵặ"),
        ("a", "âáàåãä", "âấầẩẫậ"),
        ("e", "ùøûõï", "éèẻẽẹ"),
        ("e", "âáàåãä", "êếềểễệ"),
        ("o", "ùøûõï", "óòỏõọ"),
        ("o", "âáàåãä", "ôốồổỗộ"),
        ("ô", "ùøûõï", "ớờởỡợ"),
        ("u", "ùøûõï", "úùủũụ"),
        ("ö", "ùøûõï", "ứừửữự"),
        ("y", "ùøûõ", "ýỳỷỹ"),
    )
    for mark, result in zip(marks, results, strict=True)
}
_VNI_LETTERS: Final = dict(zip("ôöñîíìæóò", "ơưđỵíìỉĩị", strict=True))
_VNI: Final = re.compile("|".join([*_VNI_PAIRS, *_VNI_LETTERS]))

_TONES: Final = frozenset("\u0300\u0301\u0303\u0309\u0323")
_NUCLEI: Final = (
    "a ă â e ê i o ô ơ u ư y ai ao au ay âu ây eo êu ia iê yê iu oa oă oe oi ôi ơi oo ua uâ uê "
    "ui uô uơ uy ưa ưi ươ ưu iêu yêu oai oao oay oeo uây uôi ươi ươu uya uyê uyu"
)
_SYLLABLE: Final = re.compile(
    "(?:ngh|ng|nh|ch|gh|gi|kh|ph|qu|th|tr|[bcdđghklmnprstvx])?"
    f"(?:{'|'.join(sorted(_NUCLEI.split(), key=len, reverse=True))})"
    "(?:ch|ng|nh|[cmnpt])?"
)


def _by_vni(word: str) -> str:
    return _VNI.sub(
        lambda found: _VNI_PAIRS.get(found[0]) or _VNI_LETTERS[found[0]], word.lower()
    )


def _by_windows_1258(word: str) -> str | None:
    try:
        return unicodedata.normalize("NFC", word.encode("cp1252").decode("cp1258"))
    except UnicodeError:
        return None


def _by_utf8(word: str) -> str | None:
    """Return the text whose UTF-8 these letters are, None if they are none."""
    data = bytearray()
    for letter in word:
        try:
            data += letter.encode("cp1252")
        except UnicodeEncodeError:
            if ord(letter) > 0xFF:  # noqa: PLR2004 - the last letter of latin-1
                return None
            data.append(ord(letter))
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


_FONTS: Final[tuple[tuple[str, Callable[[str], str | None]], ...]] = (
    (
        "TCVN3 (ABC), an old encoding of Vietnamese fonts; convert it to UTF-8",
        lambda word: word.translate(_TCVN3),
    ),
    ("VNI, an old encoding of Vietnamese fonts; convert it to UTF-8", _by_vni),
    ("windows-1258; declare encoding: cp1258", _by_windows_1258),
)
_TWICE: Final = (
    "UTF-8 that was once read as Windows-1252 (Ã¡ for á); export it again as UTF-8"
)


def find_legacy(text: str) -> str | None:
    """Return what encoding a text is of although it was decoded by another, None if it is fine."""
    text = text[:SAMPLE_LETTERS]
    if text.isascii() or not _STRANGE.search(text):
        return None
    words = {word.strip(_EDGES) or word for word in _WORD.findall(text)}
    accented = {word for word in words if not word.isascii()}
    words = {word for word in accented if not _is_syllable(word)}
    if not words or len(words) < _FEW * len(accented):
        return None  # single cells of such words are found cell by cell
    if _share(words, _is_utf8) >= _MOST:
        return _TWICE
    if len(words) < _ENOUGH_WORDS and not any(map(_is_broken_inside, words)):
        return None
    for name, read in _FONTS:
        if (
            _share(words, lambda word, read=read: _becomes_syllable(word, read))
            >= _MOST
        ):
            return name
    return None


def _share(words: set[str], is_one: Callable[[str], bool]) -> float:
    return sum(map(is_one, words)) / len(words)


def _is_utf8(word: str) -> bool:
    found = _by_utf8(word)
    return (
        found is not None
        and not found.isascii()
        and all(letter.isalpha() or unicodedata.combining(letter) for letter in found)
        and all(_is_known_letter(letter) for letter in found)
    )


def _is_known_letter(letter: str) -> bool:
    """Say whether a letter is of the languages that are read wrong this way."""
    code = ord(letter)
    return code <= 0x1B4 or 0x300 <= code <= 0x36F or 0x1E00 <= code <= 0x1EFF  # noqa: PLR2004 - Latin up to ư, marks, Latin with two marks


def _becomes_syllable(word: str, read: Callable[[str], str | None]) -> bool:
    found = read(word)
    return found is not None and found != word and _is_syllable(found)


def _is_broken_inside(word: str) -> bool:
    """Say whether a sign, or a capital with an accent, stands behind a small letter."""
    return (
        re.search("[a-zA-Z][\u00a1-\u00bf\u00d7\u00f7]|[a-z][\u00c0-\u00de]", word)
        is not None
    )


@lru_cache(maxsize=1 << 16)
def _is_syllable(word: str) -> bool:
    """Say whether a word is one Vietnamese syllable, with at most one tone."""
    parts = unicodedata.normalize("NFD", word.lower())
    tones = sum(part in _TONES for part in parts)
    bare = "".join(part for part in parts if part not in _TONES)
    bare = unicodedata.normalize("NFC", bare)
    return tones <= 1 and _SYLLABLE.fullmatch(bare) is not None
