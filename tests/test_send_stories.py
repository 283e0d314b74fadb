"""The whole story, told to each platform: faults and deaths everywhere, and each conversion is there once."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

import pytest
from platforms import PLATFORMS
from platforms.faults import KINDS
from sqlalchemy import create_engine, text
from stories import Story, World, worth

from attribution.engine import Store

NOTHING = ("new", "restated", "retracted", "accepted", "queued", "sent")
# the whole story is told by ATTRIBUTION_EXAMPLES=170: ten thousand
DEALS = 60 * int(os.environ.get("ATTRIBUTION_EXAMPLES", "1"))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A store with deals of yesterday, filled once for all platforms that are tried in this session."""
    folder = tmp_path_factory.mktemp("stories")
    url, drop = f"sqlite:///{folder / 'store.db'}", ""
    if request.param == "postgresql":
        server = request.getfixturevalue("postgres_server")
        template = request.getfixturevalue("postgres_template")
        name = f"stories_{uuid.uuid4().hex[:12]}"
        _administer(server, f"CREATE DATABASE {name} TEMPLATE {template}")
        url, drop = server.replace("@/postgres", f"@/{name}"), f"DROP DATABASE {name} WITH (FORCE)"
    found = [item.callspec.params["name"] for item in request.session.items if item.path == request.path]
    selected = list(dict.fromkeys(found))
    with pytest.MonkeyPatch.context() as patch, Store.open(url) as store:
        made = World(store, folder, DEALS, patch, selected)
        yield made
        made.close()
    if drop:
        _administer(request.getfixturevalue("postgres_server"), drop)


def _administer(url: str, statement: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


@pytest.mark.parametrize("name", PLATFORMS)
def test_every_conversion_arrives_once_whoever_dies(world: World, name: str) -> None:
    story = world.story(name, 1)
    if world.part == 1:  # else the others have gone on, and the end is looked at below
        told = {one.key: [worth(one, one.amount)] for one in world.deals if story.is_told(one)}
        assert story.live() == told
        agrees(story)


@pytest.mark.parametrize("name", PLATFORMS)
def test_what_changes_is_told_once_too_and_both_sides_agree(world: World, name: str) -> None:
    story = world.story(name, 3)
    told = {one.key: story.expected(one) for one in world.deals if story.is_told(one)}
    assert story.live() == {key: values for key, values in told.items() if values}
    agrees(story)
    idle = story.answers[-1]  # nothing was asked by the last one
    assert {name: idle.totals[name] for name in NOTHING} == dict.fromkeys(NOTHING, 0)
    warned = [int(note.split()[0]) for note in idle.warnings if "has no way to be told" in note]
    assert sum(warned) == story.unchanged()
    assert story.kills.total() >= 2
    assert len(story.faults.met) >= len(KINDS) - 3


def agrees(story: Story) -> None:
    """See that the outbox says of each transaction what the platform has of it, and of nobody else's."""
    assert story.believed() == story.held()
    assert story.strangers() == set()
