"""The server as a process: real clients, keys, reloading, what is accepted is answered, several processes."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import cohere
import numpy as np
import openai
import pytest

from conftest import reviews
from made_up_index import WORDS
from made_up_server import ask, running, write_models
from wordladder import Model, WordVectors

TEXT = "the film was lovely"


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return write_models(tmp_path_factory.mktemp("served"))


def test_clients_of_openai_and_cohere(folders, tmp_path):
    keys = tmp_path / "keys"
    keys.write_text("tests:secret\n", encoding="utf-8")
    texts = ["fox word1 word2", "word3"]
    with running(folders["words"], folders["alike"], "--keys", keys) as (address, _):
        client = openai.OpenAI(base_url=f"{address}/v1", api_key="secret", max_retries=0)
        assert [one.id for one in client.models.list()] == ["words.safetensors", "alike"]
        found = client.embeddings.create(model="words.safetensors", input=texts)
        expected = WordVectors.load(folders["words"]).encode(texts, normalize_embeddings=True)
        assert np.array([one.embedding for one in found.data]) == pytest.approx(expected, abs=1e-6)
        with pytest.raises(openai.AuthenticationError, match="not known"):
            openai.OpenAI(base_url=f"{address}/v1", api_key="x", max_retries=0).models.list()
        with pytest.raises(openai.NotFoundError, match="no model 'gpt'"):
            client.embeddings.create(model="gpt", input=texts)
        ranking = cohere.ClientV2(base_url=address, api_key="secret")
        found = ranking.rerank(model="alike", query=TEXT, documents=["dull", TEXT], top_n=1)
        assert [one.index for one in found.results] == [1]
        embedded = ranking.embed(
            model="words.safetensors", texts=texts, input_type="search_query", embedding_types=["float"]
        )
        assert np.array(embedded.embeddings.float_) == pytest.approx(expected, abs=1e-6)
        assert ask(f"{address}/classify", {"texts": "x"})[0] == 401
        assert ask(f"{address}/health")["status"] == "ok"


def test_a_model_that_is_written_anew_is_served_anew(tmp_path):
    """No request fails meanwhile, and a broken folder leaves the old model in place."""
    texts, labels = reviews()
    Model("tfidf", threads=1).fit(texts, labels, output=tmp_path / "model")
    log, stop, seen = tmp_path / "log", threading.Event(), []
    with running(tmp_path / "model", "--reload", "0.1", log=log) as (address, _):

        def asking():
            while not stop.is_set():
                seen.append(ask(f"{address}/classify", {"texts": [TEXT]})["answers"][0]["label"])

        thread = threading.Thread(target=asking)
        thread.start()
        Model("tfidf", threads=1).fit(texts, [label.upper() for label in labels], output=tmp_path / "model")
        until(lambda: seen and seen[-1] == "POSITIVE")
        (tmp_path / "model" / "labels.json").write_text("{", encoding="utf-8")
        until(lambda: "stays as it was" in log.read_text(encoding="utf-8"))
        until_more = len(seen) + 3
        until(lambda: len(seen) > until_more)
        stop.set()
        thread.join()
    assert seen[0] == "positive"
    assert set(seen) == {"positive", "POSITIVE"}
    assert seen[-1] == "POSITIVE"


def until(true, seconds=60):
    """Wait until something is true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not become true"
        time.sleep(0.02)


def test_what_is_accepted_is_answered_before_the_end(folders):
    answers = []

    def translate(address):
        answers.append(ask(f"{address}/translate", {"texts": [TEXT] * 300}))

    with running(folders["other"]) as (address, process):
        threads = [threading.Thread(target=translate, args=[address]) for _ in range(4)]
        for thread in threads:
            thread.start()
        metric = "wordladder_requests_running 5.0"
        until(lambda: metric in urllib.request.urlopen(f"{address}/metrics").read().decode())
        process.send_signal(signal.SIGTERM)
        for thread in threads:
            thread.join()
        process.wait(60)
    assert [len(answer["answers"]) for answer in answers] == [300] * 4


def test_several_processes_share_an_address_and_their_counts(folders):
    with running(folders["words"], "--workers", 2) as (address, process):
        until(lambda: both_answer(address))
        for number in range(20):
            assert ask(f"{address}/neighbors", {"words": WORDS[number]})["model"] == "words.safetensors"
        told = urllib.request.urlopen(f"{address}/metrics").read().decode()
        assert 'wordladder_requests_total{path="/neighbors",status="200"} 20.0' in told
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def both_answer(address):
    try:
        return ask(f"{address}/ready")["status"] == "ok"
    except OSError:
        return False


def test_full_queues_refuse_with_a_time_to_wait(folders):
    with running(folders["other"], "--queue-tokens", 50, "--batch-tokens", 10) as (address, _):
        found = []

        def translate():
            request = urllib.request.Request(
                f"{address}/translate", json.dumps({"texts": [TEXT] * 8}).encode(), {"Content-Type": "x"}
            )
            try:
                found.append((urllib.request.urlopen(request, timeout=60).status, None))
            except urllib.error.HTTPError as error:
                found.append((error.code, error.headers["Retry-After"]))

        threads = [threading.Thread(target=translate) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    statuses = [status for status, _ in found]
    assert set(statuses) == {200, 429}
    assert all(int(wait) >= 1 for status, wait in found if status == 429)


def test_slow_and_half_requests_end(folders):
    with running(folders["words"], "--timeout", 1) as (address, _):
        host, port = address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), 30) as half:
            half.sendall(b"POST /embed HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{")
            assert half.recv(1000).startswith(b"HTTP/1.1 408")
        with socket.create_connection((host, int(port)), 30) as broken:
            broken.sendall(b"NO HTTP\r\n\r\n")
            assert broken.recv(1000).startswith(b"HTTP/1.1 400")
        assert ask(f"{address}/health")["status"] == "ok"


WRONG = {
    "no model": (["nothing-there"], "nothing-there"),
    "two of a name": (["words={words}", "words={alike}"], "two models are called 'words'"),
    "an index in several processes": (["{notes}", "--workers", "2"], "serve it with workers 1"),
    "no file of keys": (["{words}", "--keys", "nothing-there"], "nothing-there"),
    "a port": (["{words}", "--port", "70000"], "port is 70000"),
}


@pytest.mark.parametrize("why", WRONG)
def test_wrong_settings_say_what_is_wrong(folders, why):
    arguments, text = WRONG[why]
    given = [one.format(**folders) for one in arguments]
    command = [sys.executable, "-m", "wordladder", "serve", *given]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2, done.stderr
    assert text in " ".join(done.stderr.split())


def test_an_address_that_is_taken(folders):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "wordladder", "serve", str(folders["words"]), "--port", port]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert "in use" in done.stderr


def test_the_log_has_no_texts_unless_asked(folders, tmp_path):
    for more, there in (([], False), (["--log-texts"], True)):
        log = tmp_path / f"log{there}"
        with running(folders["words"], *more, log=log) as (address, _):
            ask(f"{address}/embed", {"inputs": "zebra fox"})
            ask(f"{address}/embed", {"inputs": ["zebra"], "dimensions": 99})
            ask(f"{address}/nothing-zebra")
        lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
        assert [line["status"] for line in lines] == [200, 400]
        assert lines[0].keys() >= {"time", "level", "id", "path", "client", "model", "rows", "tokens", "ms"}
        assert ("zebra" in log.read_text(encoding="utf-8")) is there
