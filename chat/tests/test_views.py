"""The page and the history by HTTP."""

import uuid
from collections.abc import Awaitable, Callable

import pytest
from django.test import AsyncClient, Client

from chat import visitors
from chat.tests.conftest import Script, Tab

OpenTab = Callable[..., Awaitable[Tab]]


def test_the_page_makes_a_visitor_and_keeps_it() -> None:
    client = Client()
    first = client.get("/")
    assert first.status_code == 200
    cookie = first.cookies[visitors.COOKIE]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
    assert visitors.read(client.get("/").cookies[visitors.COOKIE].value) == visitors.read(cookie.value)


def test_a_forged_visitor_is_replaced() -> None:
    client = Client()
    client.cookies[visitors.COOKIE] = "b" * 32
    fresh = visitors.read(client.get("/").cookies[visitors.COOKIE].value)
    assert fresh is not None
    assert fresh != "b" * 32


@pytest.mark.parametrize(
    "beside", ["a=b c", '{"x":1}=2', "name", 'half="quoted', "path", "\u00f6=\u00fc", "list=[1,2]"]
)
def test_the_socket_knows_its_visitor_beside_any_cookie_of_others(beside: str) -> None:
    mine = f"{visitors.COOKIE}={visitors.sign('a' * 32)}"
    for cookies in (f"{beside}; {mine}", f"{mine}; {beside}"):
        assert visitors.of_headers([(b"cookie", cookies.encode())]) == "a" * 32


def test_the_page_may_load_nothing_from_elsewhere() -> None:
    response = Client().get("/")
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.django_db(transaction=True)
async def test_the_history_is_the_conversation_as_it_stands(
    open_tab: OpenTab, async_client: AsyncClient, script: Script
) -> None:
    tab = await open_tab()
    conversation = (await tab.hello())["conversation"]
    await tab.ask("Whole?")
    answer = await tab.answer()
    async_client.cookies[visitors.COOKIE] = visitors.sign("a" * 32)
    found = (await async_client.get("/api/conversation/", {"id": conversation})).json()
    assert found["seq"] == 3
    assert [message["text"] for message in found["messages"]] == ["Whole?", "Hello there."]
    assert found["messages"][1] == answer
    assert found["running"] is None


@pytest.mark.django_db(transaction=True)
async def test_the_history_of_somebody_else_is_not_found(
    open_tab: OpenTab, async_client: AsyncClient
) -> None:
    tab = await open_tab()
    conversation = (await tab.hello())["conversation"]
    for cookie in (None, "forged", visitors.sign("b" * 32)):
        async_client.cookies.clear()
        if cookie:
            async_client.cookies[visitors.COOKIE] = cookie
        for wanted in (conversation, str(uuid.uuid4()), "nonsense", ""):
            assert (await async_client.get("/api/conversation/", {"id": wanted})).status_code == 404
