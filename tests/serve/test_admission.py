"""Keys and rates."""

import pytest

from wordladder.errors import SettingError
from wordladder.serve import admission
from wordladder.serve.admission import Admission
from wordladder.serve.refusal import Refusal
from wordladder.serve.settings import KEYS_VARIABLE, ServerSettings


def test_keys_are_read_from_a_file_or_the_environment(tmp_path, monkeypatch):
    file = tmp_path / "keys"
    file.write_text("# ours\nann:secret\n\nanother\n", encoding="utf-8")
    assert ServerSettings(keys=file).read_keys() == {"secret": "ann", "another": "key 2"}
    monkeypatch.setenv(KEYS_VARIABLE, "one,bo:two")
    assert ServerSettings().read_keys() == {"one": "key 1", "two": "bo"}
    assert ServerSettings(keys=file).read_keys().keys() == {"secret", "another"}
    monkeypatch.delenv(KEYS_VARIABLE)
    assert ServerSettings().read_keys() == {}
    for text, why in (("# none", "no keys"), ("a:x\nb:x", "twice"), ("a:", "empty")):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(SettingError, match=why):
            ServerSettings(keys=file).read_keys()


@pytest.mark.parametrize(
    "headers",
    [{"authorization": "Bearer secret"}, {"authorization": "bearer  secret"}, {"x-api-key": "secret"}],
)
def test_a_known_key_is_admitted(headers):
    assert Admission({"secret": "ann", "other": "bo"}, 0).admit(headers, "::1") == "ann"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer secre"},
        {"authorization": "Basic secret"},
        {"authorization": "secret"},
        {"x-api-key": ""},
        {"x-api-key": "s\udcffcret"},
    ],
)
def test_other_keys_are_not(headers):
    with pytest.raises(Refusal) as refused:
        Admission({"secret": "ann"}, 0).admit(headers, "::1")
    assert refused.value.status == 401
    assert refused.value.headers["WWW-Authenticate"] == "Bearer"


def test_a_client_may_ask_so_often_and_others_are_not_held_up(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(admission.time, "monotonic", lambda: now[0])
    who = Admission({}, 30)  # five in ten seconds
    for _ in range(5):
        assert who.admit({}, "a") == "a"
    with pytest.raises(Refusal, match="try again in 2 s") as refused:
        who.admit({}, "a")
    assert (refused.value.status, refused.value.headers) == (429, {"Retry-After": "2"})
    who.admit({}, "b")
    now[0] += 2
    who.admit({}, "a")
    with pytest.raises(Refusal):
        who.admit({}, "a")
    now[0] += 100
    for _ in range(5):
        who.admit({}, "a")
    with pytest.raises(Refusal):
        who.admit({}, "a")


def test_not_every_client_is_remembered_for_ever(monkeypatch):
    monkeypatch.setattr(admission, "_REMEMBERED", 3)
    who = Admission({}, 60)
    for number in range(10):
        who.admit({}, str(number))
    assert list(who._left) == ["7", "8", "9"]
