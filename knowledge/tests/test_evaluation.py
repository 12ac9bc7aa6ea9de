"""`evaluate_retrieval` on a small set, with the real encoder."""

import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from joblynk.providers import registry
from knowledge.models import Chunk

pytestmark = pytest.mark.django_db

MESSAGES = "# Messages\n\nRecruiters answer within 3 days. You can block a sender."
CORPUS = [
    {"id": "m", "title": "Messages", "text": MESSAGES, "format": "md"},
    {"id": "a", "title": "Alerts", "text": "Job alerts come every morning at 7.", "format": "txt"},
    {"id": "f", "title": "lost password", "text": "- forgot my password\n- cannot sign in", "format": "faq"},
]
START = MESSAGES.index("Recruiters")
QUESTIONS = [
    {
        "id": "q1",
        "question": "how fast do recruiters answer messages",
        "answerable": True,
        "relevant_ids": ["m"],
        "evidence": [{"doc_id": "m", "start": START, "end": START + 33}],
        "answers": ["3 days"],
    },
    {
        "id": "q2",
        "question": "I forgot my password",
        "answerable": True,
        "relevant_ids": ["f"],
        "answers": [],
    },
    {"id": "q3", "question": "recipe for apple pie", "answerable": False, "relevant_ids": [], "evidence": []},
]


@pytest.fixture
def data(tmp_path: Path, models_dir: Path) -> Path:
    registry.reset()
    for name, rows in (("corpus", CORPUS), ("questions", QUESTIONS)):
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    return tmp_path


def test_the_run_has_a_line_a_question_and_the_figures_are_printed(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run.jsonl"
    call_command("evaluate_retrieval", data=data, run=out)
    lines = {line["question_id"]: line for line in map(json.loads, out.read_text().splitlines())}
    assert lines["q1"]["ranked"][0] == "m"
    assert lines["q1"]["passages"][0]["doc_id"] == "m"
    assert "within 3 days" in lines["q1"]["answer"]
    assert not lines["q1"]["refused"]
    assert lines["q2"]["ranked"][0] == "f"
    assert lines["q3"]["refused"]
    assert lines["q3"]["score_top"] < lines["q1"]["score_top"]
    shown = {line[:26].strip(): line[26:].strip() for line in capsys.readouterr().out.splitlines()}
    for name in ("document R@1", "passage R@1", "answer shown", "AUROC", "macro F1"):
        assert shown[name] == "1.000", name


def test_the_figures_come_as_json_and_the_site_s_own_index_is_left_alone(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("evaluate_retrieval", data=data, run=tmp_path / "run.jsonl", json=True)
    assert json.loads(capsys.readouterr().out)["document R@1"] == 1
    assert not Chunk.objects.exists()


def test_missing_or_broken_data_is_a_plain_message(tmp_path: Path, models_dir: Path) -> None:
    with pytest.raises(CommandError, match=r"corpus\.jsonl"):
        call_command("evaluate_retrieval", data=tmp_path, run=tmp_path / "run.jsonl")
    (tmp_path / "corpus.jsonl").write_text("{}\n")
    (tmp_path / "questions.jsonl").write_text("")
    with pytest.raises(CommandError, match="lacks 'id'"):
        call_command("evaluate_retrieval", data=tmp_path, run=tmp_path / "run.jsonl")
