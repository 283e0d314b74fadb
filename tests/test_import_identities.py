"""Evidence in: what belonged to one person, each observation kept once, in one spelling."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dumps import counts, dump, names, rows

from attribution.engine import Store

Csv = Callable[[str, str], Path]

EVIDENCE = """
    visitor_id,email,phone,user_id,account,at,source
    v1,Ella.Fitz+news@Gmail.com,,,,2024-05-03,form
    v2,ellafitz@gmail.com,+44 20 7946 0018,u7,ACME Ltd,2024-05-04T10:00:00Z,
"""


def edges(store: Store) -> set[tuple[str, str, str]]:
    """Read who was tied to whom, and by what."""
    called = names(store)
    sources = dict(rows(store, "evidence_source", "evidence_source_id", "source"))
    found = rows(store, "edge", "a", "b", "evidence_source_id")
    found += rows(store, "affiliation", "identifier_id", "account", "evidence_source_id")
    return {(*sorted((called[a], called[b])), sources[s]) for a, b, s in found}  # type: ignore[misc]


def test_a_row_ties_its_identifiers_to_the_strongest(store: Store, csv: Csv) -> None:
    """Two identifiers give one tie, five give four; one address in two spellings is one identifier."""
    answer = store.import_table("identities", csv("identities", EVIDENCE))
    assert counts(answer.totals) == (2, 2, 0, 0, 0, 0)
    assert edges(store) == {
        ("ellafitz@gmail.com", "v1", "identities: form"),
        ("ellafitz@gmail.com", "u7", "identities"),
        ("+442079460018", "u7", "identities"),
        ("u7", "v2", "identities"),
        ("acme ltd", "u7", "identities"),
    }
    assert len(rows(store, "identifier", "value")) == 6


def test_the_same_file_twice_changes_nothing(store: Store, csv: Csv) -> None:
    """Every row of the second import is a duplicate; another time or source is another observation."""
    file = csv("identities", EVIDENCE)
    store.import_table("identities", file)
    before = dump(store, without=["batch"])
    assert counts(store.import_table("identities", file).totals) == (2, 0, 0, 2, 0, 0)
    assert dump(store, without=["batch"]) == before
    later = csv("later", EVIDENCE.replace("2024-05-03,form", "2024-06-03,form"))
    assert counts(store.import_table("identities", later).totals) == (2, 1, 0, 1, 0, 0)


def test_a_row_that_ties_nothing_is_rejected(store: Store, csv: Csv) -> None:
    """One identifier alone is no evidence, and neither is one beside a phone that holds no number."""
    file = csv(
        "identities",
        """
        email,phone,at
        ella@acme.test,,2024-05-03
        ella@acme.test,n/a,2024-05-03
        ella@acme.test,+44 20 7946 0018,2024-05-03
        """,
    )
    assert counts(store.import_table("identities", file).totals) == (3, 1, 0, 0, 0, 2)
    kept = rows(store, "rejected_row", "line", "code", "message")
    assert [row[:2] for row in kept] == [(2, "too_few_identifiers"), (3, "too_few_identifiers")]
    assert "phone is 'n/a'" in kept[1][2]


def test_numbers_without_a_prefix_belong_to_the_region(store: Store, csv: Csv) -> None:
    """With the region set, a national number and its international spelling are one identifier."""
    store.config_set("region", "gb")
    file = csv(
        "identities",
        """
        visitor_id,phone,at
        v1,020 7946 0018,2024-05-03
        v2,+44 (0)20 7946-0018,2024-05-03
        """,
    )
    store.import_table("identities", file)
    assert sorted(names(store).values()) == ["+442079460018", "v1", "v2"]


def test_the_same_text_of_two_kinds_is_two_identifiers(store: Store, csv: Csv) -> None:
    """A visitor named like a user is not that user until evidence says so."""
    store.import_table("identities", csv("identities", "visitor_id,user_id,at\n7,7,2024-05-03"))
    assert rows(store, "identifier", "kind", "value") == [(1, "7"), (4, "7")]
    assert len(rows(store, "edge", "edge_id")) == 1


def test_a_lead_is_evidence_too(store: Store, csv: Csv) -> None:
    """It ties its e-mail, phone, visitor and account; a new version adds ties, importing it again none."""
    store.import_table(
        "leads", csv("leads", "lead_id,created_at,email,visitor_id\nL1,2024-05-03,a@x.test,v1")
    )
    first = {("L1", "a@x.test", "CRM lead"), ("L1", "v1", "CRM lead")}
    assert edges(store) == first
    changed = csv("new", "lead_id,created_at,email,visitor_id,account\nL1,2024-05-03,b@x.test,v1,X")
    assert counts(store.import_table("leads", changed).totals) == (1, 0, 1, 0, 0, 0)
    assert edges(store) == first | {("L1", "b@x.test", "CRM lead"), ("L1", "x", "CRM lead")}
