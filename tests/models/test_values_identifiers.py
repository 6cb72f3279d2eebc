import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from models.values.bank import bank_of, check_bic, check_iban, iban_fr, parse_iban
from models.values.identifiers import check_siret, check_vat_id, siren_of_vat_id, vat_id_of_siren
from models.values.kinds import judge
from models.values.places import (
    commune_near,
    commune_spelt,
    goes_with,
    plain_names,
    plain_place,
    postal_codes_of,
    with_whole_postal_code,
)
from models.values.repair import repair

BANKS = ("30004", "20041", "10278", "18106", "30003")


def rib_key(bank: str, branch: str, account: str) -> str:
    values = {letter: str((place % 9) + 1 + (place // 9 == 2)) for place, letter in enumerate(string.ascii_uppercase)}
    digits = "".join(values.get(c, c) for c in account)
    return f"{97 - (89 * int(bank) + 15 * int(branch) + 3 * int(digits)) % 97:02d}"


def iban_of(bban: str, country: str = "FR") -> str:
    number = int("".join(str(int(c, 36)) for c in bban + country + "00"))
    return f"{country}{98 - number % 97:02d}{bban}"


@st.composite
def french_ibans(draw: st.DrawFn) -> str:
    bank, branch = draw(st.sampled_from(BANKS)), f"{draw(st.integers(0, 99999)):05d}"
    account = draw(st.text(string.digits + string.ascii_uppercase, min_size=11, max_size=11))
    return iban_of(f"{bank}{branch}{account}{rib_key(bank, branch, account)}")


def siret_of(first: int) -> str:
    """A SIRET whose SIREN and whole pass Luhn."""

    def with_key(body: str) -> str:
        return next(body + d for d in string.digits if luhn(body + d))

    def luhn(digits: str) -> bool:
        doubled = [int(d) * (1 + place % 2) for place, d in enumerate(reversed(digits))]
        return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0

    return with_key(with_key(f"{first:08d}") + "0001")


@given(french_ibans())
def test_a_french_iban_with_both_keys_passes_and_is_read_back_from_its_groups(iban: str) -> None:
    assert check_iban(iban) == ()
    assert parse_iban(iban_fr(iban)) == iban


@given(french_ibans(), st.integers(4, 26), st.sampled_from(string.digits))
def test_one_wrong_digit_in_an_iban_is_noticed(iban: str, place: int, digit: str) -> None:
    assume(iban[place] != digit)

    assert check_iban(iban[:place] + digit + iban[place + 1 :]) != ()


@given(french_ibans())
def test_an_iban_with_a_false_rib_key_is_refused_although_its_mod_97_is_right(iban: str) -> None:
    key = int(iban[-2:])
    false = iban_of(f"{iban[4:-2]}{key % 97 + 1:02d}")

    assert check_iban(false) == ("iban.national_key",)


@given(french_ibans(), st.data())
def test_one_look_alike_in_an_iban_is_repaired_to_the_true_one_or_left(iban: str, data: st.DataObject) -> None:
    swaps = dict(zip("015826OISBZG", "OISBZG015826", strict=True))
    places = [place for place, c in enumerate(iban) if c in swaps]
    assume(places)
    place = data.draw(st.sampled_from(places))
    misread = iban[:place] + swaps[iban[place]] + iban[place + 1 :]

    assert repair("iban", misread) in (iban, None)


def test_a_repair_needs_exactly_one_swap() -> None:
    right = "73282932000074"

    assert repair("siret", "7328Z932000074") == right
    assert repair("siret", "7328Z932OOOO74") is None
    assert repair("siret", right) is None
    assert repair("amount", "1O,00") is None


@given(st.integers(0, 99_999_999))
def test_a_siret_gives_the_vat_id_that_contains_it(first: int) -> None:
    siret = siret_of(first)
    vat_id = vat_id_of_siren(siret[:9])

    assert check_siret(siret) == () == check_vat_id(vat_id)
    assert siren_of_vat_id(vat_id) == siret[:9]


@given(st.integers(0, 99_999_999), st.integers(0, 13), st.sampled_from(string.digits))
def test_one_wrong_digit_in_a_siret_is_noticed(first: int, place: int, digit: str) -> None:
    siret = siret_of(first)
    assume(siret[place] != digit and not siret.startswith("356000000"))

    assert check_siret(siret[:place] + digit + siret[place + 1 :]) == ("siret.check_digits",)


def test_the_sites_of_la_poste_have_their_own_rule() -> None:
    assert judge("siret", "35600000049837").ok
    assert not judge("siret", "35600000011111").ok


@given(
    st.sampled_from(["iban", "bic", "siret", "vat_id", "ics", "rum", "phone", "email", "postal_code", "reference"]),
    st.text(),
)
def test_no_text_makes_a_parser_fail(kind: str, text: str) -> None:
    verdict = judge(kind, text)

    assert verdict.canonical is None or not any(c.isspace() for c in verdict.canonical)


def test_the_bank_of_an_iban_is_known_by_its_code() -> None:
    name, bics = bank_of("FR7630004649257331309396242")

    assert name == "BNP PARIBAS"
    assert "BNPAFRPP" in bics
    assert all(check_bic(bic) == () for bic in bics)
    assert bank_of("FR7630004649257331309396243") == ("", frozenset())


@pytest.mark.parametrize(
    ("city", "postal_code", "expected"),
    [
        ("Annecy", "74000", True),
        ("ST ETIENNE", "42000", True),
        ("ANECY", "74000", True),
        ("Lyon", "74000", False),
        ("Lyon Cedex 03", "69003", None),
        ("Ville-qui-n-existe-pas", "74000", None),
        ("Paris", "75008", True),
    ],
)
def test_a_commune_goes_with_its_post_code_or_nobody_knows(city: str, postal_code: str, expected: bool | None) -> None:
    assert goes_with(city, postal_code) is expected


def test_places_are_compared_without_accents_and_punctuation() -> None:
    assert plain_place("Saint-Étienne-du-Bois Cedex 2") == plain_place("ST ETIENNE DU BOIS")
    assert commune_near("SAINT CHAMOND", "42400") == "Saint-Chamond"
    assert "69003" in postal_codes_of("LYON")


def test_names_brought_to_capitals_together_are_what_they_are_alone() -> None:
    assert [name for name, plain in plain_names().items() if plain != plain_place(name)] == []


@pytest.mark.parametrize(
    ("printed", "spelt"),
    [
        ("St Brevin les Pins", "St Brevin les Pins"),
        ("GEULZIN", "GŒULZIN"),
        ("Entre-Deux-Baux", "Entre-deux-Eaux"),
        ("Qwxzkville", None),
        ("Lyom", None),
    ],
)
def test_a_commune_is_mended_where_only_one_can_be_meant(printed: str, spelt: str | None) -> None:
    assert commune_spelt(printed) == spelt


@pytest.mark.parametrize(
    ("read", "address"),
    [
        ("12 RUE DE L'ECLUSE 881 70 MORELMAISON", "12 RUE DE L'ECLUSE 88170 MORELMAISON"),
        ("4 RUE CLAUDE PERALTA 5705O LE BAN SAINT MARTIN", "4 RUE CLAUDE PERALTA 57050 LE BAN SAINT MARTIN"),
        ("12 881 70 MORELMAISON", "12 88170 MORELMAISON"),
        ("3 RUE DU PORT 881 70 GRENOBLE", "3 RUE DU PORT 881 70 GRENOBLE"),
        ("3 RUE DU PORT", "3 RUE DU PORT"),
    ],
)
def test_a_post_code_is_made_whole_where_its_commune_follows(read: str, address: str) -> None:
    assert with_whole_postal_code(read) == address
