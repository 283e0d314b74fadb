"""Files that people upload by hand or by a scheduled import, as each platform's template has them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar, Final

from attribution.destinations import replies
from attribution.destinations.conversion import Change, Conversion
from attribution.destinations.destination import ANY_CLICK, Destination, lots
from attribution.destinations.file_sheets import (
    GOOGLE,
    GOOGLE_ADJUSTMENTS,
    LINKEDIN,
    META,
    MICROSOFT,
    MICROSOFT_ADJUSTMENTS,
    PLAIN,
    TIKTOK,
    Sheet,
    file_text,
    hashed_email,
    hashed_phone,
)
from attribution.destinations.lacking import no_value
from attribution.destinations.request import Outcome, Refusal, Reply, Request, Verdict
from attribution.destinations.tiktok import TikTok
from attribution.errors import UnknownNameError
from attribution.pulls.credentials import Need
from attribution.pulls.forms import FOLDER


class File(Destination):
    """Files in a folder; what is in one counts as accepted.

    The setting `template` says which of its kinds is made, since templates differ in what they take.

    >>> File({"template": "google", "path": "uploads"}).label
    'Google Ads file'
    """

    name: ClassVar[str] = "file"
    label: ClassVar[str] = "File"
    base_url: ClassVar[str] = ""  # the setting `path`
    template: ClassVar[str] = ""
    settings: ClassVar[tuple[Need, ...]] = (
        Need(
            "template",
            "whose columns: google, microsoft, meta, linkedin, tiktok, or plain for all that is known",
            secret=False,
        ),
        Need("path", "the folder that files are put into", secret=False, form=FOLDER),
    )
    most: ClassVar[int] = 10_000

    @property
    def untried(self) -> str:
        """That a file is all there is."""
        return "there is nobody to ask; --dry-run shows the file that would be written"

    def __new__(cls, settings: Mapping[str, str]) -> File:
        """Return a destination of the template's kind."""
        template = settings.get("template", "")
        if template and template not in TEMPLATES:
            raise UnknownNameError("template of file", template, TEMPLATES)
        return super().__new__(TEMPLATES.get(template, PlainFile) if cls is File else cls)

    @abstractmethod
    def sheet(self, change: Change) -> Sheet:
        """Return the file that conversions of a kind stand in."""

    def requests(self, conversions: Sequence[Conversion]) -> Iterator[Request]:
        """Write a file of the new ones, and another of changes where the platform keeps them apart."""
        found: dict[str, tuple[Sheet, list[Conversion]]] = {}
        for conversion in conversions:
            sheet = self.sheet(conversion.change)
            found.setdefault(sheet.holds, (sheet, []))[1].append(conversion)
        for sheet, mine in found.values():
            for lot in lots(mine, self.most):
                yield Request("WRITE", f"{self.template}-{sheet.holds}.csv", file_text(sheet, lot), lot)

    def outcomes(self, request: Request, reply: Reply) -> list[Outcome]:
        """Read whether the file was written; its name is what to ask by."""
        if 200 <= reply.status < 300:
            file = str(replies.mapping(reply.body).get("file", ""))
            return [Outcome(Verdict.ACCEPTED, reference=file)] * len(request.conversions)
        return replies.whole(request, reply, "not_written", str(reply.body or ""), again=True)

    def _by_value(self, conversion: Conversion, now: int) -> Refusal | None:
        lacking = None if self.template == "plain" else no_value(conversion)
        return lacking or super()._by_value(conversion, now)


class PlainFile(File):
    """All that is known, in our own words: a column for each, the same as a webhook's fields."""

    label: ClassVar[str] = "Plain file"
    template: ClassVar[str] = "plain"
    click_kinds: ClassVar[tuple[str, ...]] = ANY_CLICK
    without_click: ClassVar[bool] = True
    changes: ClassVar[frozenset[Change]] = frozenset({Change.RESTATED, Change.RETRACTED})
    revives: ClassVar[bool] = True
    actions: ClassVar[Mapping[str, str]] = MappingProxyType({"revenue": "revenue"})

    def _by_identity(self, conversion: Conversion, now: int) -> Refusal | None:
        return None  # known by its transaction

    def sheet(self, change: Change) -> Sheet:
        """Return the one file there is: changes stand among the others."""
        return PLAIN


class GoogleFile(File):
    """Google Ads: conversions by click id, changed by their order id."""

    label: ClassVar[str] = "Google Ads file"
    template: ClassVar[str] = "google"
    click_kinds: ClassVar[tuple[str, ...]] = ("gclid",)
    takes_contacts: ClassVar[bool] = False
    age_days: ClassVar[int | None] = 90
    adjustable_days: ClassVar[int] = 54
    changes: ClassVar[frozenset[Change]] = frozenset({Change.RESTATED, Change.RETRACTED})

    def sheet(self, change: Change) -> Sheet:
        """Return one of two: Google does not take both in one file."""
        return GOOGLE if change is Change.NEW else GOOGLE_ADJUSTMENTS

    def _oldest_days(self, conversion: Conversion) -> int | None:
        return self.age_days if conversion.change is Change.NEW else self.adjustable_days

    def _by_identity(self, conversion: Conversion, now: int) -> Refusal | None:
        return super()._by_identity(conversion, now) if conversion.change is Change.NEW else None


class MicrosoftFile(File):
    """Microsoft Advertising: conversions by click id, changed by click id, goal and time."""

    label: ClassVar[str] = "Microsoft Advertising file"
    template: ClassVar[str] = "microsoft"
    click_kinds: ClassVar[tuple[str, ...]] = ("msclkid",)
    takes_contacts: ClassVar[bool] = False
    age_days: ClassVar[int | None] = 90
    changes: ClassVar[frozenset[Change]] = frozenset({Change.RESTATED, Change.RETRACTED})

    def sheet(self, change: Change) -> Sheet:
        """Return one of two: the template of conversions has no column for changes."""
        return MICROSOFT if change is Change.NEW else MICROSOFT_ADJUSTMENTS


class MetaFile(File):
    """Meta: offline events by click and by hashed contacts; nothing changes one."""

    label: ClassVar[str] = "Meta file"
    template: ClassVar[str] = "meta"
    click_kinds: ClassVar[tuple[str, ...]] = ("fbclid",)
    age_days: ClassVar[int | None] = 62
    actions: ClassVar[Mapping[str, str]] = MappingProxyType({"revenue": "Purchase"})

    def sheet(self, change: Change) -> Sheet:
        """Return the only one."""
        return META


class LinkedInFile(File):
    """LinkedIn: conversions by hashed address; the template has no click id, and nothing changes one."""

    label: ClassVar[str] = "LinkedIn file"
    template: ClassVar[str] = "linkedin"
    click_kinds: ClassVar[tuple[str, ...]] = ("li_fat_id",)
    age_days: ClassVar[int | None] = 90
    actions: ClassVar[Mapping[str, str]] = MappingProxyType({"revenue": "PURCHASE"})

    def sheet(self, change: Change) -> Sheet:
        """Return the only one."""
        return LINKEDIN

    def _by_identity(self, conversion: Conversion, now: int) -> Refusal | None:
        if hashed_email(conversion):
            return None
        return Refusal("no_match_key", "nothing says who it was: LinkedIn's template needs an e-mail address")

    def _by_value(self, conversion: Conversion, now: int) -> Refusal | None:
        if not conversion.value_minor or conversion.value_minor < 0:
            return Refusal(
                "no_value",
                "LinkedIn's template needs an amount above zero; send this goal to linkedin instead",
            )
        return super()._by_value(conversion, now)


class TikTokFile(File):
    """TikTok: offline events by hashed contacts; nothing changes one."""

    label: ClassVar[str] = "TikTok file"
    template: ClassVar[str] = "tiktok"
    click_kinds: ClassVar[tuple[str, ...]] = ("ttclid",)
    age_days: ClassVar[int | None] = TikTok.age_days
    actions: ClassVar[Mapping[str, str]] = TikTok.actions

    def sheet(self, change: Change) -> Sheet:
        """Return the only one."""
        return TIKTOK

    def _by_identity(self, conversion: Conversion, now: int) -> Refusal | None:
        if hashed_email(conversion) or hashed_phone(conversion):
            return None
        return Refusal(
            "no_match_key",
            "nothing says who it was: TikTok's template needs an e-mail address or a phone number",
        )


TEMPLATES: Final[Mapping[str, type[File]]] = {
    kind.template: kind
    for kind in (GoogleFile, MicrosoftFile, MetaFile, LinkedInFile, TikTokFile, PlainFile)
}  # fmt: skip
