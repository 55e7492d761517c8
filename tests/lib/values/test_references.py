"""Random references are readable; secrets can't be guessed."""

import math
import re

from ticketshop.lib.values import references


def test_a_readable_reference_has_no_letters_that_are_mistaken_for_others():
    assert len(set(references.READABLE)) == len(references.READABLE) == 23
    assert not set("0O1IL5S8B2ZUV") & set(references.READABLE)
    assert re.fullmatch(rf"[{references.READABLE}]{{4}}-[{references.READABLE}]{{4}}", references.readable())
    assert len(references.readable(10)) == 12


def test_secrets_and_codes_have_128_bits():
    assert re.fullmatch(r"[\w-]{22}", references.secret())
    assert len(references.code()) * math.log2(len(references.READABLE)) >= 128


def test_every_sign_occurs_and_nothing_repeats():
    codes = [references.code() for _ in range(200)]
    assert len(set(codes)) == 200
    assert set("".join(codes)) == set(references.READABLE)
    assert len({references.secret() for _ in range(200)}) == 200
    assert len({references.readable() for _ in range(200)}) == 200
