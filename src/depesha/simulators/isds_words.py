"""What the simulated ISDS says of an outcome: codes with their words, and how it cleans texts.

The words are ours; clients go by the code (facts 7). It decides nothing.
"""

from __future__ import annotations

import re
from typing import Final

WORDS: Final = {
    "0000": "Provedeno úspěšně.",
    "0002": "Žádná schránka neodpovídá zadání.",
    "0003": "Nalezeno příliš mnoho schránek, seznam je neúplný.",
    "0004": "Některým adresátům se nepodařilo zprávu odeslat.",
    "0005": "Dokument je opatřen pečetí bez časového razítka.",
    "1004": "Nemáte oprávnění k této operaci.",
    "1007": "Identifikátor schránky má chybný formát.",
    "1066": "Délka hesla nevyhovuje.",
    "1067": "Heslo již bylo použito.",
    "1080": "Heslo musí obsahovat velké a malé písmeno a číslici.",
    "1090": "Staré heslo není správné.",
    "1101": "Není zadán typ schránky.",
    "1109": "Zadání odpovídá více schránek.",
    "1154": "Chybné IČO.",
    "1156": "Příliš velká stránka výsledků.",
    "1180": "Hledaný text je příliš krátký.",
    "1189": "Číslo stránky je příliš velké.",
    "1200": "Byla překročena velikost zprávy.",
    "1201": "Schránka odesílatele není přístupná.",
    "1211": "Zpráva patří jiné schránce.",
    "1214": "Příloha není přípustná",
    "1218": "Nemáte oprávnění ke smazání.",
    "1219": "Zpráva neexistuje.",
    "1229": "Odeslaná zpráva dosud není opatřena pečetí.",
    "1232": "Adresát nepřijímá poštovní datové zprávy.",
    "1281": "Operace není určena pro tento druh zprávy.",
    "1286": "Příliš mnoho nevyužitých příloh.",
    "1288": "Nesouhlasí první otisk přílohy.",
    "1289": "Nesouhlasí druhý otisk přílohy.",
    "1293": "Příloha patří jiné schránce.",
    "1294": "Příloha není v úložišti.",
    "1295": "Vložená příloha je příliš velká.",
    "1296": "Přílohy přesahují nejvyšší velikost.",
    "1297": "Přílohy nedosahují nejnižší velikosti.",
    "1299": "Příloha s tímto číslem neexistuje.",
    "2006": "Unknown operation",
    "2010": "Chybná struktura dokumentu.",
    "2017": "Chybný zápis data a času.",
    "2032": "Zpráva nemá přílohu.",
    "2046": "Antivirová kontrola neskončila včas.",
    "2200": "Dokument není zpráva ani doručenka.",
    "2201": "Dokument neodpovídá žádné zprávě.",
    "2204": "Podmínky pro opětovné opatření pečetí nejsou splněny.",
    "2209": "Od posledního razítka neuplynula nejkratší doba.",
    "3022": "Stažení zprávy bylo provozovatelem zastaveno.",
    "5001": "Schránka neexistuje nebo není přístupná.",
}
_SPACES: Final = re.compile("[\\t\\r\\n\u00a0\u2000-\u200a\u2028\u2029\u202f\u205f]")
_HYPHENS: Final = re.compile("[\u2010-\u2015]")
_QUOTES: Final = re.compile("[\u201c-\u201f]")
_DROPPED: Final = re.compile("[\u0080-\u009f\u00ad\u200b-\u200f\u202a-\u202e\u2061-\u206f]")


class RefusalError(Exception):
    """The service says no: code, and words where they differ from the usual ones."""

    def __init__(self, code: str, words: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.words = words or WORDS.get(code, "Požadavek nelze zpracovat.")


def cleaned(text: str) -> str:
    """Return a file name or other text as the server keeps it (facts 2)."""
    text = text.replace("<", "_").replace(">", "_")
    text = _SPACES.sub(" ", text)
    text = _HYPHENS.sub("-", text)
    text = _QUOTES.sub('"', text)
    return _DROPPED.sub("", text)
