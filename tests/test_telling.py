"""What is told again at once, when it is of no use to go on, and how the guilty one of many is found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

import pytest
from destination_cases import conversion
from loopback import Patience

from attribution.destinations import replies
from attribution.destinations.conversion import Conversion
from attribution.destinations.destination import Destination, lots
from attribution.destinations.request import Outcome, Reply, Request, Verdict
from attribution.errors import PullAccessError
from attribution.outbox.telling import CUT, UNREACHABLE, CutError, Telling, Told


class Shop(Destination):
    """A platform that names the guilty ones only where it is asked to."""

    name: ClassVar[str] = "shop"
    label: ClassVar[str] = "Shop"
    base_url: ClassVar[str] = "https://shop.test"

    def requests(self, conversions: Sequence[Conversion]) -> Iterator[Request]:
        """Write one request for all."""
        for lot in lots(conversions, 1000):
            yield Request("POST", "/", [one.transaction_id for one in lot], lot)

    def outcomes(self, request: Request, reply: Reply) -> list[Outcome]:
        """Read a reply."""
        if reply.status == 200:
            return [Outcome(Verdict.ACCEPTED)] * len(request.conversions)
        named = replies.mapping(reply.body).get("named", ())
        guilty = {place: Outcome(Verdict.REJECTED, "bad") for place in named}
        if guilty:
            unclear = Outcome(Verdict.UNCLEAR)
            return [guilty.get(place, unclear) for place in range(len(request.conversions))]
        return replies.whole(request, reply, "bad" if reply.status == 400 else "", "no")


class Platform:
    """Answers as it is told, and keeps what it was sent."""

    def __init__(self, answer: Callable[[list[str]], Reply | CutError]) -> None:
        self.asked: list[list[str]] = []
        self._answer = answer

    def send(self, request: Request) -> Reply:
        """Take a request."""
        self.asked.append(list(request.body))
        found = self._answer(self.asked[-1])
        if isinstance(found, CutError):
            raise found
        return found

    def clean(self, text: str) -> str:
        """Return what it says."""
        return text


def told(platform: Platform, number: int, patience: Patience | None = None) -> tuple[Telling, list[Told]]:
    """Tell a request of some conversions."""
    telling = Telling(Shop({}), platform, None if patience is None else patience.waits())
    [request] = Shop({}).requests([conversion(transaction_id=str(n)) for n in range(number)])
    return telling, list(telling.tell(request))


def verdicts(found: Sequence[Told]) -> dict[str, str]:
    """Return what became of each."""
    return {
        one.transaction_id: str(how.verdict)
        for part in found
        for one, how in zip(part.conversions, part.outcomes, strict=True)
    }


def script(*answers: Reply | CutError) -> Callable[[list[str]], Reply | CutError]:
    """Answer one after the other, the last one again and again."""
    left = list(answers)
    return lambda body: left.pop(0) if len(left) > 1 else left[0]


def test_what_fails_in_passing_is_told_again_at_once() -> None:
    patience = Patience()
    platform = Platform(script(Reply(503), Reply(429, None, {"retry-after": "7"}), Reply(200)))
    telling, found = told(platform, 3, patience)
    assert set(verdicts(found).values()) == {"accepted"}
    assert patience.slept == [1.0, 7.0]
    assert patience.told == ["Shop: waiting 1 s (no)", "Shop: waiting 7 s (no)"]
    assert telling.closed == ""


@pytest.mark.parametrize(
    ("answer", "slept", "shut_out", "doubtful", "code"),
    [
        (Reply(503), [1.0, 2.0, 4.0, 8.0], False, True, "503"),
        (CutError("broken"), [1.0, 2.0, 4.0, 8.0], False, True, CUT),
        (CutError("no such host", reached=False), [1.0, 2.0, 4.0, 8.0], False, False, UNREACHABLE),
        (Reply(429, None, {"retry-after": "3600"}), [], False, False, "429"),  # that is for the next send
        (Reply(401), [], True, False, "401"),
        (Reply(403), [], True, False, "403"),
        (Reply(404), [], False, False, "404"),
    ],
)
def test_where_nothing_is_taken_it_stops(
    answer: Reply | CutError, slept: list[float], shut_out: bool, doubtful: bool, code: str
) -> None:
    patience = Patience()
    telling, [found] = told(Platform(script(answer)), 3, patience)
    assert telling.closed.startswith(code)
    assert (telling.shut_out, found.doubtful, patience.slept) == (shut_out, doubtful, slept)
    assert [how.code for how in found.outcomes] == [code] * 3


def test_a_platform_that_refuses_everything_is_not_asked_for_each() -> None:
    """Such as for a wrong action: what was not told waits, and is not lost."""
    platform = Platform(lambda body: Reply(400))
    telling, found = told(platform, 1_000)
    assert len(platform.asked) == 64
    assert telling.closed == "it refuses one after the other"
    refused = verdicts(found)
    assert set(refused.values()) == {"rejected"}
    assert len(refused) < 64


def test_one_bad_one_of_a_thousand_is_found_by_halves() -> None:
    platform = Platform(lambda body: Reply(400 if "613" in body else 200))
    telling, found = told(platform, 1_000)
    refused = verdicts(found)
    assert [name for name, verdict in refused.items() if verdict == "rejected"] == ["613"]
    assert (len(refused), telling.closed) == (1_000, "")
    assert len(platform.asked) <= 21  # 1 + 2 log2(1000)


def test_where_some_are_named_the_others_go_again_together() -> None:
    def answer(body: list[str]) -> Reply:
        named = [place for place, name in enumerate(body) if name in ("2", "5")]
        return Reply(400, {"named": named}) if named else Reply(200)

    platform = Platform(answer)
    _, found = told(platform, 9)
    assert [name for name, verdict in verdicts(found).items() if verdict == "rejected"] == ["2", "5"]
    assert [len(body) for body in platform.asked] == [9, 7]


def test_a_batch_of_which_half_is_refused_is_told_to_its_end() -> None:
    """As long as some are taken it is worth while to look for them."""
    platform = Platform(lambda body: Reply(400 if any(int(name) % 2 for name in body) else 200))
    telling, found = told(platform, 400)
    refused = verdicts(found)
    assert telling.closed == ""
    assert refused == {str(n): "rejected" if n % 2 else "accepted" for n in range(400)}


def test_a_login_that_is_lost_after_a_cut_leaves_it_in_doubt() -> None:
    class Lost(Platform):
        def send(self, request: Request) -> Reply:
            if self.asked:
                raise PullAccessError("Shop does not accept the credentials")
            return super().send(request)

    telling, [found] = told(Lost(script(CutError("broken"))), 3, Patience())
    assert found.doubtful
    assert (telling.shut_out, telling.closed) == (True, "Shop does not accept the credentials")
    platform = Lost(script(Reply(200)))
    platform.asked.append([])
    with pytest.raises(PullAccessError):  # nothing left before it
        told(platform, 3, Patience())


def test_what_is_somebody_elses_by_now_is_not_told() -> None:
    platform = Platform(script(Reply(200)))
    telling = Telling(Shop({}), platform)
    [request] = Shop({}).requests([conversion(transaction_id="1")])
    assert list(telling.tell(request, lambda: False)) == []
    assert (platform.asked, telling.closed) == ([], "somebody else goes on with it")


def test_a_reply_of_another_number_is_malformed() -> None:
    class Short(Shop):
        def outcomes(self, request: Request, reply: Reply) -> list[Outcome]:
            return [Outcome(Verdict.ACCEPTED)]

    platform: Any = Platform(script(Reply(200)))
    telling = Telling(Short({}), platform)
    [request] = Shop({}).requests([conversion(transaction_id=str(n)) for n in range(2)])
    [found] = telling.tell(request)
    assert {how.code for how in found.outcomes} == {"malformed"}
    assert found.doubtful
