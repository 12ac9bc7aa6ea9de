"""Staff see what became of each mail, and some may have it sent again."""

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from chat.models import TranscriptDelivery
from chat.tests.mailing import a_talk, asked, send_due, sendgrid
from joblynk.testing.fake_sendgrid import FAILURES, FakeSendGrid

__all__ = ["sendgrid"]
pytestmark = pytest.mark.django_db
LIST = reverse("admin:chat_transcriptdelivery_changelist")


def staff(*codenames: str) -> Client:
    user = User.objects.create_user("-".join(codenames) or "nobody", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def failed(sendgrid: FakeSendGrid) -> TranscriptDelivery:
    row = asked(a_talk(), "anna@mail.example")
    sendgrid.play(FAILURES["credentials"])
    send_due()
    row.refresh_from_db()
    return row


def test_the_list_and_the_page_tell_state_and_reason_and_change_nothing(failed: TranscriptDelivery) -> None:
    client = staff("view_transcriptdelivery", "view_deliveryevent")
    page = reverse("admin:chat_transcriptdelivery_change", args=[failed.id])
    for address in (LIST, page, f"{LIST}?q=anna&state=failed", f"{LIST}?q={failed.conversation_id}"):
        shown = client.get(address).content.decode()
        assert "anna@mail.example" in shown
        assert "mail: credentials (401 emulated.field)" in shown
        assert "pill-failed" in shown or address == page
    assert client.post(page, {"state": "delivered"}).status_code == 403
    assert client.post(f"{page.removesuffix('change/')}delete/", {"post": "yes"}).status_code == 403
    assert client.get(reverse("admin:chat_transcriptdelivery_add")).status_code == 403
    assert staff().get(LIST).status_code == 403


@pytest.mark.parametrize("may", [True, False])
def test_sending_again_wants_its_permission(failed: TranscriptDelivery, may: bool) -> None:
    client = staff("view_transcriptdelivery", *(["resend_transcriptdelivery"] if may else []))
    assert ("Send again" in client.get(LIST).content.decode()) is may
    page = reverse("admin:chat_transcriptdelivery_change", args=[failed.id])
    assert ("Send again" in client.get(page).content.decode()) is may
    by_button = reverse("admin:chat_transcriptdelivery_resend", args=[failed.id])
    for address, form in (
        (LIST, {"action": "resend", "_selected_action": [str(failed.id)]}),
        (by_button, {}),
    ):
        TranscriptDelivery.objects.update(state="failed")
        client.post(address, form)
        failed.refresh_from_db()
        assert failed.state == ("queued" if may else "failed")
    assert "Send again" not in client.get(page).content.decode() or not may


def test_the_list_costs_the_same_however_long_it_is(
    sendgrid: FakeSendGrid, django_assert_max_num_queries: object
) -> None:
    for number in range(12):
        asked(a_talk(visitor=f"{number:032}"), f"customer{number}@mail.example")
    client = staff("view_transcriptdelivery")
    with django_assert_max_num_queries(12):  # type: ignore[operator]
        assert client.get(LIST).status_code == 200
