"""Jobs side by side: results in order, errors passed on, and torch's number of threads left as it was."""

import threading

import pytest
import torch

from wordladder.layers.threads import in_parallel


@pytest.fixture(params=[1, 3])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_results_come_in_order(threads):
    assert in_parallel([lambda n=n: n * n for n in range(10)]) == [n * n for n in range(10)]
    assert in_parallel([]) == []


def test_each_job_has_one_thread(threads):
    assert set(in_parallel([torch.get_num_threads] * 6)) == {1}


def test_the_caller_and_new_threads_keep_theirs(threads):
    in_parallel([torch.get_num_threads] * 2)
    found = []
    other = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    other.start()
    other.join()
    assert [torch.get_num_threads(), *found] == [threads, threads]


def test_an_error_reaches_the_caller(threads):
    with pytest.raises(ZeroDivisionError):
        in_parallel([lambda: 1, lambda: 1 // 0])
