"""Screenshots of errors, rendered, sent alone, read without any service, and answered: the short form of
`make benchmark ONLY=pictures`."""

from statistics import fmean
from typing import Any

import pytest
from playwright.sync_api import Browser, FilePayload, Page

from joblynk.testing.scores import score
from joblynk.testing.screens import FEW, render
from joblynk.testing.sites import Site

LOOKS = {"dark", "umlauts", "small", "photo"}

# The socket as any client uses it: what is tested is the site, not its page.
_ASK = """(id) => new Promise((resolve, reject) => {
  const socket = new WebSocket(`ws://${location.host}/ws/chat/`, 'joblynk.v1');
  let read = '';
  socket.onopen = () => socket.send(JSON.stringify({type: 'hello', last_seq: 0}));
  socket.onmessage = ({data}) => {
    const frame = JSON.parse(data);
    const question = {client_message_id: crypto.randomUUID(), text: '', attachment_ids: [id]};
    if (frame.type === 'welcome') socket.send(JSON.stringify({type: 'message.send', ...question}));
    if (frame.type === 'error') reject(new Error(frame.text));
    if (!frame.message?.created_at) return;
    const shown = frame.message.attachments.find((one) => one.id === id);
    if (frame.type === 'message.updated' && shown) read = shown.reading.text;
    if (frame.message.role === 'assistant' && read) {
      socket.close();
      resolve({read, text: frame.message.text, sources: frame.message.sources});
    }
  };
})"""


@pytest.mark.timeout(300)
def test_rendered_screenshots_are_read_and_answered_by_their_code(
    browser: Browser, page: Page, offline_site: Site
) -> None:
    page.goto(offline_site.url)
    scores = []
    for screen in render(browser, [one for one in FEW if one.look in LOOKS]):
        answer = _answered(page, offline_site.url, screen.data)
        scores.append(score(screen, answer["read"], answer["sources"]))
        assert f"Your screenshot shows **{screen.screen.words.code}**" in answer["text"]
    assert fmean(one.accuracy for one in scores) >= 0.97, scores
    assert all(one.code_read and one.cited for one in scores), scores


def _answered(page: Page, url: str, data: bytes) -> dict[str, Any]:
    token = next(cookie["value"] for cookie in page.context.cookies() if cookie.get("name") == "csrftoken")
    file = FilePayload(name="screenshot", mimeType="application/octet-stream", buffer=data)
    told = page.request.post(
        f"{url}/api/attachments/", multipart={"file": file}, headers={"X-CSRFToken": token}
    )
    assert told.status == 201, told.text()
    answer: dict[str, Any] = page.evaluate(_ASK, told.json()["id"])
    return answer
