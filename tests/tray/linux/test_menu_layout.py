"""Ids that mean the same for ever, and what panels are told about a change."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tray.entries import SEPARATOR, Entry
from tray.linux.menu_layout import MenuLayout, Node, kind, properties

TELLS = Entry("Running on 127.0.0.1:3456")
OPEN = Entry("Open Dashboard", "open", default=True)
STOP = Entry("Stop Server", "stop")
QUIT = Entry("Quit", "quit")


def route(chosen: str, *names: str) -> Entry:
    radios = (Entry(name, f"route {name}", checked=name == chosen, radio=True) for name in names)
    return Entry("Route", submenu=tuple(radios))


def ids(layout: MenuLayout) -> dict[str, int]:
    return {node.entry.label: node.id for node in layout.root.walk() if node.id}


def test_a_label_that_changes_is_told_alone() -> None:
    layout = MenuLayout()
    layout.replace([TELLS, SEPARATOR, OPEN])
    before = ids(layout)
    change = layout.replace([Entry("Stopped"), SEPARATOR, OPEN])
    assert [node.entry.label for node in change.changed] == ["Stopped"]
    assert not change.structure
    assert ids(layout)["Stopped"] == before["Running on 127.0.0.1:3456"]


def test_the_same_menu_again_is_no_change() -> None:
    layout = MenuLayout()
    layout.replace([OPEN, route("Demo", "Demo", "Direct")])
    revision = layout.revision
    change = layout.replace([OPEN, route("Demo", "Demo", "Direct")])
    assert not change.changed
    assert not change.structure
    assert layout.revision == revision


def test_an_entry_keeps_its_id_when_others_come_and_go() -> None:
    layout = MenuLayout()
    layout.replace([OPEN, QUIT])
    before = ids(layout)
    revision = layout.revision
    change = layout.replace([TELLS, OPEN, SEPARATOR, STOP, QUIT])
    assert change.structure
    assert layout.revision > revision
    after = ids(layout)
    assert (after["Open Dashboard"], after["Quit"]) == (before["Open Dashboard"], before["Quit"])


def test_an_entry_that_changes_while_others_come_is_told_as_well() -> None:
    layout = MenuLayout()
    layout.replace([STOP, QUIT])
    change = layout.replace([Entry("Stop Server", "stop", enabled=False), OPEN, QUIT])
    assert [node.entry.label for node in change.changed] == ["Stop Server"]
    assert change.structure


def test_an_entry_of_another_kind_is_another_entry() -> None:
    layout = MenuLayout()
    seen: list[int] = []
    for entry in (
        Entry("Start at Login", "login"),
        Entry("Start at Login", "login", checked=True),
        Entry("Start at Login", "login", checked=True, radio=True),
        Entry("Start at Login", "login", submenu=(QUIT,)),
    ):
        layout.replace([entry])
        seen.append(layout.root.children[0].id)
    assert len(set(seen)) == 4


def test_an_id_is_not_used_again() -> None:
    layout = MenuLayout()
    layout.replace([STOP])
    gone = layout.root.children[0].id
    layout.replace([QUIT])
    assert layout.node(gone) is None
    layout.replace([STOP])
    assert layout.root.children[0].id != gone


def test_another_choice_in_a_submenu_is_told_as_two_properties() -> None:
    layout = MenuLayout()
    layout.replace([route("Demo", "Demo", "Direct")])
    change = layout.replace([route("Direct", "Demo", "Direct")])
    assert [properties(node)["toggle-state"] for node in change.changed] == [0, 1]
    assert not change.structure


def test_a_label_is_shown_as_it_is() -> None:
    # An underscore alone would underline what follows it.
    assert properties(Node(1, Entry("snake_case & more")))["label"] == "snake__case & more"


def test_a_panel_gets_the_properties_that_it_asks_for() -> None:
    node = Node(1, Entry("Demo", "demo", checked=True, radio=True))
    assert properties(node, ["label", "toggle-type", "icon-name"]) == {"label": "Demo", "toggle-type": "radio"}


def test_what_does_nothing_is_grey() -> None:
    assert properties(Node(1, TELLS))["enabled"] is False
    assert properties(Node(1, Entry("Stop Server", "stop", enabled=False)))["enabled"] is False
    assert properties(Node(1, QUIT))["enabled"] is True


VERBS = st.sampled_from(["open", "stop", "quit", "login"])
PLAIN = st.builds(Entry, st.sampled_from(["One", "Two"]), VERBS, st.booleans(), st.sampled_from([None, True, False]))
SUBMENUS = st.builds(Entry, st.just("Route"), submenu=st.lists(PLAIN, min_size=1, max_size=3).map(tuple))
ENTRIES = st.lists(st.one_of(PLAIN, SUBMENUS, st.just(SEPARATOR), st.just(TELLS)), max_size=6)


@settings(max_examples=40, deadline=None)
@given(st.lists(ENTRIES, min_size=2, max_size=6))
def test_an_id_never_means_two_things(menus: list[list[Entry]]) -> None:
    layout = MenuLayout()
    meanings: dict[int, tuple[object, ...]] = {}
    last: set[int] = set()
    for entries in menus:
        layout.replace(entries)
        now = [node for node in layout.root.walk() if node.id]
        assert len({node.id for node in now}) == len(now)
        for node in now:
            meaning = (kind(node.entry), node.entry.verb)
            assert meanings.setdefault(node.id, meaning) == meaning
            assert node.id in last or node.id > max(last | {0}), "an id that was given up is back"
        last |= {node.id for node in now}
