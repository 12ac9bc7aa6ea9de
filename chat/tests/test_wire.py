"""What a client may send, and what it hears when it sends something else."""

import json
import random
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.conf import settings
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from chat import commands, protocol, visitors
from chat.consumers import ChatConsumer
from chat.desk import Desk
from chat.models import Conversation, Message
from chat.protocol import BadFrame
from chat.routing import websocket_urlpatterns
from chat.tests.conftest import Tab

OpenTab = Callable[..., Awaitable[Tab]]
EXAMPLES: list[dict[str, Any]] = list(
    json.loads((Path(settings.BASE_DIR) / "docs" / "protocol-examples.json").read_text(encoding="utf-8"))[
        "client"
    ].values()
)
CLIENT_TYPES = sorted(commands._READERS)


def send_frame(text: str, **fields: Any) -> str:
    return json.dumps(
        {"type": "message.send", "client_message_id": str(uuid.uuid4()), "text": text, **fields}
    )


@pytest.mark.parametrize("frame", EXAMPLES, ids=lambda frame: frame["type"])
def test_every_example_of_a_client_frame_is_understood(frame: dict[str, Any]) -> None:
    assert protocol.parse(json.dumps(frame)) is not None


def test_there_is_an_example_for_every_client_frame() -> None:
    assert {frame["type"] for frame in EXAMPLES} >= set(CLIENT_TYPES)


@pytest.mark.parametrize(
    "raw",
    [
        *("", "null", "[]", '"text"', "{", "\x00", "NaN", '{"type": 1, "type": {}}x'),
        *("[" * 5_000, '{"a":' * 50_000, send_frame("x" * 60_000) + " " * 10_000),
    ],
    ids=lambda raw: raw[:12],
)
def test_what_is_no_json_object_is_refused(raw: str) -> None:
    with pytest.raises(BadFrame) as refusal:
        protocol.parse(raw)
    assert refusal.value.code == "bad_request"


def test_a_type_this_server_does_not_know_is_ignored() -> None:
    assert protocol.parse('{"type": "from.the.future", "x": [1, {"y": null}]}') is None


@pytest.mark.parametrize("deep", ["[" * 1_000 + "]" * 1_000, '{"a":' * 1_000 + "1" + "}" * 1_000])
def test_a_type_that_is_no_text_is_ignored_however_deep_it_goes(deep: str) -> None:
    assert protocol.parse('{"type": ' + deep + "}") is None


@pytest.mark.parametrize("t", ["1" + "0" * 23, "1" + "0" * 400, "NaN", "Infinity", '"now"'])
def test_a_ping_whose_time_no_clock_tells_can_still_be_answered(t: str) -> None:
    command = protocol.parse('{"type": "ping", "x": "\\ud800", "t": ' + t + "}")  # read by Python's parser
    assert isinstance(command, protocol.Ping)
    assert protocol.encode({"type": "pong", "t": command.t}) == '{"type":"pong","t":null}'


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "bad_request"),
        ("   \n\t ", "bad_request"),
        ("\u200b\u200d \u202e\ufe0f\ufeff", "bad_request"),
        ("x" * 4_001, "too_long"),
        ("a\x00b", "bad_request"),
        ("half a pair \ud800", "bad_request"),
        ("bell \x07", "bad_request"),
    ],
    ids=[
        "empty",
        "blank",
        "nothing to see",
        "4,001 characters",
        "NUL",
        "lone surrogate",
        "control character",
    ],
)
def test_a_text_that_cannot_be_taken_is_refused_by_name(text: str, code: str) -> None:
    with pytest.raises(BadFrame) as refusal:
        protocol.parse(send_frame(text))
    assert refusal.value.code == code
    assert refusal.value.client_message_id is not None


@pytest.mark.parametrize(
    "text", ["x" * 4_000, "שלום עולם", "مرحبا", "👩‍👩‍👧 emoji", "tab\tand\nline", "<script>"]
)
def test_any_other_text_is_taken_as_it_is(text: str) -> None:
    command = protocol.parse(send_frame(text))
    assert isinstance(command, protocol.SendMessage)
    assert command.text == text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.uuids().map(str),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=8,
)
FIELDS = sorted({key for frame in EXAMPLES for key in frame if key != "type"} | {"client", "value", "score"})


@hypothesis_settings(max_examples=2_000, deadline=None)
@given(
    frame=st.fixed_dictionaries({"type": st.sampled_from(CLIENT_TYPES)}, optional=dict.fromkeys(FIELDS, JSON))
)
def test_any_mixture_of_fields_is_either_a_command_or_refused(frame: dict[str, Any]) -> None:
    try:
        assert protocol.parse(json.dumps(frame)) is not None
    except BadFrame as refusal:
        assert refusal.text


@hypothesis_settings(max_examples=2_000, deadline=None)
@given(
    frame=st.sampled_from(EXAMPLES).map(json.dumps),
    place=st.integers(0, 400),
    noise=st.text(min_size=1, max_size=6),
)
def test_any_frame_with_noise_in_it_is_either_understood_or_refused(
    frame: str, place: int, noise: str
) -> None:
    place %= len(frame)
    try:
        protocol.parse(frame[:place] + noise + frame[place + 1 :])
    except BadFrame as refusal:
        assert refusal.text


JUNK: list[Any] = [
    None,
    True,
    -1,
    2**63,
    1e308,
    "",
    "x" * 5_000,
    "\x00",
    "\ud800",
    "💥" * 99,
    [],
    {},
    [[[[]]]],
]


def mutated(chances: random.Random) -> str:
    frame = dict(chances.choice(EXAMPLES))
    match chances.randrange(4):
        case 0:
            frame[chances.choice([*frame, "more"])] = chances.choice(JUNK)
        case 1:
            del frame[chances.choice(list(frame))]
        case 2:
            frame["type"] = chances.choice(EXAMPLES)["type"]
    raw = bytearray(json.dumps(frame).encode())
    if chances.random() < 0.3:
        raw[chances.randrange(len(raw))] = chances.randrange(32, 127)
    if chances.random() < 0.1:
        del raw[chances.randrange(len(raw)) :]
    return raw.decode()


def test_ten_thousand_mutated_frames_are_each_understood_or_refused() -> None:
    chances = random.Random(7)  # noqa: S311
    for _ in range(10_000):
        raw = mutated(chances)
        for parse in (protocol.parse, protocol.parse_staff):
            with suppress(BadFrame):
                parse(raw)


@pytest.mark.django_db(transaction=True)
async def test_bad_frames_get_an_error_and_the_conversation_goes_on(open_tab: OpenTab) -> None:
    tab = await open_tab()
    await tab.hello()
    for raw in ("[]", "{", send_frame("x" * 4_001), send_frame("a\x00b"), send_frame("\ud800")):
        await tab.send_raw(raw)
        assert (await tab.until("error"))["text"]
    await tab.send_raw(data=b"\x00\xff binary")
    assert (await tab.until("error"))["code"] == "bad_request"
    await tab.ask("Still here?")
    assert (await tab.answer())["text"] == "Hello there."
    assert await Message.objects.filter(role="user").acount() == 1


@pytest.mark.django_db(transaction=True)
async def test_a_flood_of_bad_frames_closes_the_socket(open_tab: OpenTab) -> None:
    tab = await open_tab()
    for _ in range(20):
        await tab.send_raw("{")
    assert (await tab.until("closed"))["code"] == 4400
    assert [frame["type"] for frame in tab.frames].count("error") == 20


@pytest.mark.django_db(transaction=True)
async def test_what_a_refused_socket_sends_is_not_obeyed(open_tab: OpenTab) -> None:
    tab = await open_tab("")
    assert (await tab.until("closed"))["code"] == 4401
    await tab.send("hello", last_seq=0)
    await tab.nothing_more()
    assert not await Conversation.objects.aexists()


@pytest.mark.django_db(transaction=True)
async def test_a_socket_that_speaks_another_protocol_is_told_so(desk: Desk) -> None:
    cookie = f"{visitors.COOKIE}={visitors.sign('a' * 32)}".encode()
    for subprotocols in (None, ["soap"]):
        socket = WebsocketCommunicator(
            ChatConsumer.as_asgi(), "/ws/chat/", headers=[(b"cookie", cookie)], subprotocols=subprotocols
        )
        assert await socket.connect() == (True, None)
        assert await socket.receive_output() == {"type": "websocket.close", "code": 4401}
        await socket.disconnect()


@pytest.mark.django_db(transaction=True)
async def test_a_socket_without_a_visitor_is_not_allowed(open_tab: OpenTab) -> None:
    tab = await open_tab("")
    assert (await tab.until("closed"))["code"] == 4401


@pytest.mark.django_db(transaction=True)
async def test_a_command_before_hello_is_refused(open_tab: OpenTab) -> None:
    tab = await open_tab()
    await tab.send("message.send", client_message_id=uuid.uuid4(), text="Too early")
    assert (await tab.until("error"))["code"] == "bad_request"


@pytest.mark.django_db(transaction=True)
async def test_a_transcript_of_nothing_is_refused(open_tab: OpenTab) -> None:
    tab = await open_tab()
    await tab.hello()
    await tab.send("transcript.email", email="ada@example.com", client_action_id=uuid.uuid4())
    assert (await tab.until("error"))["code"] == "nothing_said"


@pytest.mark.parametrize("path", ["/", "/ws/", "/ws/chat", "/ws/chat/more", "/admin/"])
async def test_a_handshake_at_any_other_address_is_refused(path: str) -> None:
    socket = WebsocketCommunicator(URLRouter(websocket_urlpatterns), path, subprotocols=["joblynk.v1"])
    assert (await socket.connect())[0] is False
