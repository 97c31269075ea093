import csv
import io
import json
import sys

import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from wordladder.data.examples import Answer
from wordladder.data.questions import read_questions
from wordladder.data.questions.answers import Question, locate_answers
from wordladder.errors import DataError, SettingError

PASSAGE = "Ada met Bob. Bob met Ada."


@pytest.fixture
def write(tmp_path):
    def write(content, name="data.json"):
        path = tmp_path / name
        content = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
        path.write_text(content, encoding="utf-8")
        return path

    return write


def asked(name="q1", answers=(("Bob", 8),), **more):
    found = [{"text": text, "answer_start": start} for text, start in answers]
    return {"id": name, "question": "Who?", "answers": found, **more}


def document(*questions, context=PASSAGE):
    return {
        "version": "2.0",
        "data": [{"title": "t", "paragraphs": [{"context": context, "qas": [*questions]}]}],
    }


@pytest.mark.parametrize("name", ["dev.json", "dev.txt"])
@pytest.mark.parametrize("indent", [None, 2])
def test_squad(write, name, indent):
    questions = (
        asked("q1", [("Bob", 8), ("Bob. Bob", 8)]),
        asked(7, [], is_impossible=True, plausible_answers=[{"text": "Ada", "answer_start": 0}]),
        {"id": "q3", "question": "Why?", "is_impossible": True},
        asked("q4", [("", 0)]),
    )
    path = write(json.dumps(document(*questions), indent=indent) + "\n", name)
    examples = read_questions(path)
    assert examples.segments == (["Who?", "Who?", "Why?", "Who?"], [PASSAGE] * 4)
    assert examples.labels == [(Answer("Bob", 8), Answer("Bob. Bob", 8)), (), (), ()]
    assert (examples.ids, examples.notes, examples.lines) == (["q1", "7", "q3", "q4"], (), None)
    assert examples.location(1).endswith(f"{name}, 7")
    assert read_questions(path, labelled=False).labels is None
    assert read_questions(path, labelled=None, format="squad").labels == examples.labels


def test_questions_without_answers(write):
    path = write(document(asked(), {"id": "q2", "question": "Who?"}))
    with pytest.raises(DataError, match="q2: the key 'answers' is missing"):
        read_questions(path)
    assert read_questions(path, labelled=None).labels is None
    assert read_questions(path, labelled=False).segments[0] == ["Who?", "Who?"]


def test_answers_that_are_not_at_their_offset(write):
    path = write(
        document(
            asked("right", [("Ada", 0)]),
            asked("near", [("Bob", 12), ("Bob", 9), ("Bob", 1000), ("Bob", -1)]),
            asked("nowhere", [("Eve", 3), ("Bob", 13)]),
        )
    )
    examples = read_questions(path)
    assert [answer.start for answer in examples.labels[1]] == [13, 8, 13, 8]
    assert examples.labels[2] == (Answer("Eve", None), Answer("Bob", 13))
    assert examples.notes == (
        "5 of 7 answers are not at their offset, the first in near: 4 were found elsewhere in the "
        "passage, 1 nowhere; those count as right answers, but nothing shows a model where they are.",
    )


@settings(deadline=None)
@given(st.text("ab", max_size=12), st.text("ab", min_size=1, max_size=3), st.integers(-2, 14))
def test_the_nearest_place_is_found(passage, text, said):
    (((_, start),),), _ = locate_answers([Question("q", "?", passage, [(text, said)])])
    places = [place for place in range(len(passage)) if passage[place : place + len(text)] == text]
    if not places:
        assert start is None
    else:
        assert start in places
        assert abs(start - said) == min(abs(place - said) for place in places)


def test_what_contradicts_itself_is_told(write):
    examples = read_questions(
        write(document(asked("a", is_impossible=True), asked("b"), asked("b"), asked("b")))
    )
    assert examples.labels[0] == ()
    assert examples.notes == (
        "1 question marked as impossible had answers all the same, the first a: they count as impossible.",
        "2 questions have the id of an earlier one, such as b.",
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (document({"question": "Who?", "answers": []}), r"data\[0\].paragraphs\[0\].qas\[0\]: the key 'id'"),
        (
            document({"id": "q1", "answers": []}),
            "data.json, q1: the key 'question' is missing. Its keys: 'id'",
        ),
        (document(asked(), context=None), r"data\[0\].paragraphs\[0\]: the key 'context' must hold a text"),
        ({"data": [{"title": "t"}]}, r"data\[0\]: the key 'paragraphs' is missing. Its keys: 'title'"),
        ({"data": [{"paragraphs": [{"context": "c"}]}]}, r"paragraphs\[0\]: the key 'qas' is missing"),
        ({"data": [{"paragraphs": {}}]}, r"data\[0\]: the key 'paragraphs' must hold a list"),
        ({"data": ["x"]}, r"data\[0\]: an object with the key 'paragraphs'"),
        (document("x"), r"qas\[0\]: an object with a question"),
        (document(asked(answers=[("Bob", 1.5)])), "q1: answer_start is 1.5"),
        (document(asked(answers=[("Bob", True)])), "q1: answer_start is true"),
        (document(asked(answers=[(["Bob"], 1)])), r"q1: the key 'text' must hold a text, not \[.Bob.\]"),
        (document({"id": "q1", "question": "Who?", "answers": "Bob"}), 'q1: "Bob" is no list of answers'),
        (
            document({"id": "q1", "question": "Who?", "answers": [{"text": "Bob"}]}),
            "q1: the key 'answer_start' is missing. Its keys: 'text'",
        ),
        ({"data": []}, "has no questions"),
        ('{"data": [\n1,\n}', "line 3: invalid JSON: .*, at: }"),
        ('{"data": []} {"data"', "line 1: there is more text"),
        ('{"data": ["\\ud83d"]}', "half a surrogate pair"),
        ('{"data": ' + "[" * 100_000, "nested too deeply"),
        (" ", "is empty"),
        ("[]", "is empty"),
    ],
)
def test_documents_that_cannot_be_used(write, content, message):
    with pytest.raises(DataError, match=message):
        read_questions(write(content))


ROWS = [
    {"id": "a", "context": PASSAGE, "question": "Who?", "answers": {"text": ["Bob"], "answer_start": [8]}},
    {"id": "b", "context": PASSAGE, "question": "Why?", "answers": {"text": [], "answer_start": []}},
]


def as_csv(rows):
    out = io.StringIO()
    writer = csv.DictWriter(out, rows[0])
    writer.writeheader()
    for row in rows:
        cells = {
            key: json.dumps(cell) if isinstance(cell, dict | list) else cell for key, cell in row.items()
        }
        writer.writerow(cells)
    return out.getvalue()


@pytest.mark.parametrize("name", ["data.jsonl", "data.json", "data.csv", "data.parquet", "data.txt"])
@pytest.mark.parametrize("listed", [False, True])
def test_rows(write, tmp_path, name, listed):
    rows = ROWS
    if listed:
        rows = [{**row, "answers": [{"text": "Bob", "answer_start": 8}] * (row["id"] == "a")} for row in ROWS]
    path = tmp_path / name
    if name.endswith("parquet"):
        parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    elif name.endswith("csv"):
        write(as_csv(rows), name)
    elif name.endswith("json"):
        write(rows, name)
    else:
        write("".join(json.dumps(row) + "\n" for row in rows), name)
    examples = read_questions(path)
    assert examples.segments == (["Who?", "Why?"], [PASSAGE] * 2)
    assert examples.labels == [(Answer("Bob", 8),), ()]
    assert examples.ids == ["a", "b"]
    given = read_questions(path, text=["question", "context"], label="answers")
    assert given.labels == examples.labels
    assert read_questions(path, labelled=False).labels is None


def test_one_answer_in_columns_of_its_own(write):
    csv_text = f"passage,query,answer,answer_start\n{PASSAGE},Who?,Bob,13\n{PASSAGE},Why?,,\n"
    examples = read_questions(write(csv_text, "data.csv"))
    assert examples.labels == [(Answer("Bob", 13),), ()]
    assert (examples.ids, examples.lines.tolist()) == (None, [2, 3])
    without = read_questions(write(csv_text.replace(",answer_start", ",x"), "data.csv"))
    assert without.labels[0] == (Answer("Bob", 8),)
    assert without.notes == (
        "1 of 1 answers have no offset, the first in line 2: 1 were found in the passage, where the first "
        "occurrence counts, 0 nowhere.",
    )


def test_rows_without_the_right_columns(write):
    path = write("".join(json.dumps(row) + "\n" for row in ROWS), "data.jsonl")
    with pytest.raises(DataError, match=r"no column 'contxt'. Did you mean 'context'"):
        read_questions(path, text=["question", "contxt"])
    with pytest.raises(SettingError, match="the question and its passage, but 'question' is given"):
        read_questions(path, text="question")
    with pytest.raises(SettingError, match="must be different columns"):
        read_questions(path, text=["question", "question"])
    with pytest.raises(SettingError, match="'context' is given twice"):
        read_questions(path, label="context")
    with pytest.raises(DataError, match=r"which column holds the passage\? .* columns: question, answers"):
        read_questions(write({"question": "?", "answers": []}))
    bare = write({"question": "?", "context": "c"})
    with pytest.raises(DataError, match="which column holds the answers"):
        read_questions(bare)
    assert read_questions(bare, labelled=None).labels is None
    with pytest.raises(DataError, match="line 2: the answers are missing"):
        read_questions(
            write('{"question": "?", "context": "c", "answers": []}\n{"question": "?", "context": "c"}')
        )
    uneven = write({"question": "?", "context": "c", "answers": {"text": ["a", "b"], "answer_start": [1]}})
    with pytest.raises(DataError, match="line 1: 2 texts, but 1 values"):
        read_questions(uneven)
    with pytest.raises(DataError, match="line 1: the key 'answer_start' is missing"):
        read_questions(write({"question": "?", "context": "c", "answers": {"text": []}}))


def test_formats(write, tmp_path, monkeypatch):
    path = write(document(asked()))
    with pytest.raises(SettingError, match=r"'squat' is unknown. Did you mean 'squad'"):
        read_questions(path, format="squat")
    with pytest.raises(SettingError, match="is a SQuAD document, whose keys are fixed"):
        read_questions(path, label="answers")
    with pytest.raises(DataError, match="is no SQuAD document"):
        read_questions(write(ROWS), format="squad")
    with pytest.raises(DataError, match="is not JSON"):
        read_questions(write("question,context\n"), format="squad")
    with pytest.raises(DataError, match="There is no file"):
        read_questions(tmp_path / "nothing.json")

    class Input:
        buffer = io.BytesIO(json.dumps(document(asked())).encode())

    monkeypatch.setattr(sys, "stdin", Input)
    assert len(read_questions("-")) == 1


PUBLISHED = {
    "squad_v1.1/dev-v1.1.json.gz": (10_570, 2_067, 34_726, 0, 0),
    "squad_v1.1/train-v1.1-part.json.gz": (11_877, 2_430, 11_877, 0, 0),
    "cmrc2018/cmrc2018_trial.json.gz": (1_002, 256, 1_002, 5, 0),
    "cmrc2018/cmrc2018_dev.json.gz": (3_219, 848, 9_657, 7, 193),
    "drcd/DRCD_dev.json.gz": (3_524, 1_000, 7_048, 0, 0),
    "drcd/DRCD_test.json.gz": (3_493, 1_000, 6_986, 0, 0),
}


@pytest.mark.data
@pytest.mark.parametrize("name", PUBLISHED)
def test_research_data_are_read_as_published(data_folder, name):
    examples = read_questions(data_folder / "qa" / name)
    questions, passages = examples.segments
    answers = [(row, answer) for row, label in enumerate(examples.labels) for answer in label]
    rows, paragraphs, total, elsewhere, nowhere = PUBLISHED[name]
    assert (len(questions), len(answers), len(set(examples.ids))) == (rows, total, rows)
    assert len(set(passages)) in range(paragraphs - 5, paragraphs + 1)  # a few passages come twice
    assert sum(answer.start is None for _, answer in answers) == nowhere
    assert all(
        passages[row].startswith(answer.text, answer.start)
        for row, answer in answers
        if answer.start is not None
    )
    assert len(examples.notes) == bool(elsewhere)
    if elsewhere:
        assert f"{elsewhere + nowhere} of {total:,} answers" in examples.notes[0]
        assert f": {elsewhere} were found elsewhere in the passage, {nowhere} nowhere" in examples.notes[0]


def test_incomplete_rows_may_be_left_out(write):
    rows = [
        {"question": "Who?", "context": PASSAGE, "answers": []},
        {"question": "Who?", "answers": []},
        {"question": "Who?", "context": PASSAGE},
        {"question": "Who?", "context": PASSAGE, "answers": None},
    ]
    path = write("".join(json.dumps(row) + "\n" for row in rows), "data.jsonl")
    with pytest.raises(DataError, match="line 3: the answers are missing"):
        read_questions(path)
    examples = read_questions(path, skip_incomplete=True)
    assert (examples.labels, examples.lines.tolist()) == ([(), ()], [1, 4])
    assert len(read_questions(path, skip_incomplete=True, labelled=False)) == 3
    assert examples.notes[0].startswith("2 rows of ")
