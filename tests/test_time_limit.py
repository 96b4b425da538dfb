"""Time limits: the policy with all speeds, lengths and limits, and tracks separated with a fake clock."""

import heapq
import itertools
import math

import numpy as np
import pytest
from conftest import echo_network, joined, noise, split
from hypothesis import given
from hypothesis import strategies as st

from lightsaft_infer import Separator, TimeLimit
from lightsaft_infer.pass_policy import MAX_PASSES, Policy
from lightsaft_infer.passes import PHASE_ROTATIONS
from lightsaft_infer.spectral_separator import SpectralSeparator
from lightsaft_infer.time_limit import Work

SECONDS = st.floats(1e-3, 10)


class Clock:
    """A clock whose time passes only when a test adds to it."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def spend(policy, chunks, pass_seconds, other_seconds=0.0):
    """Return the passes of every chunk by a policy, and the time of the end.

    `pass_seconds` yields the seconds of each pass.
    """
    now, recent, counts = 0.0, [], []
    costs = iter(pass_seconds)
    for left in range(chunks, 0, -1):
        now += other_seconds
        passes = 0
        while policy.allows_another(
            passes,
            elapsed=now,
            chunks=left,
            pass_seconds=max(recent[-3:], default=0.0),
            other_seconds=other_seconds,
            later_seconds=(left - 1) * max(recent[-3:], default=0.0),
        ):
            recent.append(next(costs))
            now += recent[-1]
            passes += 1
        counts.append(passes)
    return counts, now


def spend_concurrently(policy, chunks, pass_seconds, concurrency):
    """Like `spend`, with chunks in several threads.

    An event is (time, thread, passes of its chunk, seconds of the last one).
    """
    recent, counts, costs, waiting = [], [], iter(pass_seconds), chunks
    events = [(0.0, thread, None, None) for thread in range(concurrency)]
    while events:
        now, thread, passes, took = heapq.heappop(events)
        if took is not None:
            recent.append(took)
        if passes is None and not waiting:
            continue
        if passes is None:
            waiting, passes = waiting - 1, 0
        if policy.allows_another(
            passes,
            elapsed=now,
            chunks=chunks - len(counts),
            pass_seconds=max(recent[-3:], default=0.0),
            other_seconds=0.0,
            later_seconds=(chunks - len(counts) - 1) * max(recent[-3:], default=0.0),
            concurrency=concurrency,
        ):
            took = next(costs)
            heapq.heappush(events, (now + took, thread, passes + 1, took))
        else:
            counts.append(passes)
            heapq.heappush(events, (now, thread, None, None))
    return counts, now


@given(
    limit=SECONDS,
    chunks=st.integers(1, 60),
    costs=st.lists(SECONDS, min_size=1, max_size=9),
    concurrency=st.integers(1, 4),
)
def test_a_limit_is_passed_by_one_pass_at_most_with_several_at_once(limit, chunks, costs, concurrency):
    counts, end = spend_concurrently(Policy(limit), chunks, itertools.cycle(costs), concurrency)
    assert len(counts) == chunks
    assert end <= limit + max(costs)


@given(chunks=st.integers(1, 60), cost=SECONDS, concurrency=st.integers(1, 4))
def test_several_at_once_do_as_much_more_in_the_same_time(chunks, cost, concurrency):
    """The limit has time for the passes of all chunks, divided among the threads: all chunks get their passes."""
    limit = 1.5 * cost * (MAX_PASSES * chunks / concurrency + MAX_PASSES)
    counts, end = spend_concurrently(Policy(limit), chunks, itertools.repeat(cost), concurrency)
    assert counts == [MAX_PASSES] * chunks
    assert end <= limit


@given(limit=SECONDS, chunks=st.integers(1, 60), costs=st.lists(SECONDS, min_size=1, max_size=9))
def test_a_limit_is_passed_by_one_pass_at_most(limit, chunks, costs):
    """At any speed, only a pass that took longer than the ones before it can end late, and it is the last."""
    policy = Policy(limit)
    _, end = spend(policy, chunks, itertools.cycle(costs))
    assert end <= limit + max(costs)


@given(limit=SECONDS, chunks=st.integers(1, 60), cost=SECONDS, other=st.floats(0, 1))
def test_at_an_even_speed_the_limit_holds(limit, chunks, cost, other):
    _, end = spend(Policy(limit), chunks, itertools.repeat(cost), other)
    assert end <= max(limit, cost + chunks * other) + 1e-9  # the first pass is made before its time is known


@given(limit=SECONDS, chunks=st.integers(1, 60), cost=SECONDS)
def test_extras_go_before_any_chunk_goes_without(limit, chunks, cost):
    """At an even speed, no chunk after the first gets two passes if another gets none, and quality is even."""
    counts, _ = spend(Policy(limit), chunks, itertools.repeat(cost))
    if 0 in counts:
        assert max(counts) == 1
        assert counts == sorted(counts, reverse=True)
    else:
        assert max(counts[1:], default=1) - min(counts[1:], default=1) <= 3
        assert counts[1:] == sorted(counts[1:])  # the time that is saved is spent later


@given(limit=SECONDS, more=st.floats(1, 20), chunks=st.integers(1, 60), cost=SECONDS)
def test_more_time_is_never_worse(limit, more, chunks, cost):
    fewer, _ = spend(Policy(limit), chunks, itertools.repeat(cost))
    counts, _ = spend(Policy(limit * more), chunks, itertools.repeat(cost))
    assert sum(counts) >= sum(fewer)
    assert counts.count(0) <= fewer.count(0)


@given(chunks=st.integers(1, 60), cost=SECONDS, max_passes=st.integers(1, 4))
def test_enough_time_is_used(chunks, cost, max_passes):
    counts, _ = spend(Policy(100 * chunks * cost, max_passes), chunks, itertools.repeat(cost))
    assert counts == [max_passes] * chunks


def test_of_a_stream_of_unknown_length_no_chunk_gets_two_passes():
    known = {"elapsed": 0.0, "pass_seconds": 1.0, "other_seconds": 0.1, "later_seconds": 0.0}
    assert Policy(100.0).allows_another(0, chunks=None, **known)
    assert not Policy(100.0).allows_another(1, chunks=None, **known)


def slowing(clock, seconds, after, factor):
    """Return a network that halves the mixture.

    Its passes take `seconds`, and `factor` times as long from number `after` on.
    """
    calls = itertools.count()

    def network(planes, targets):
        clock.now += seconds * (factor if next(calls) >= after else 1)
        return np.float32(0.5) * echo_network(planes, targets)

    return network


@pytest.mark.parametrize("after", [0, 5, 40, 90])
@pytest.mark.parametrize("limit", [5.0, 20.0, 60.0])
def test_a_network_that_becomes_ten_times_slower(manifest, limit, after):
    """100 chunks and more at 0.2 s: whole stems in time, or later by at most a pass of 2 s."""
    clock = Clock()
    separator = Separator(manifest, slowing(clock, 0.2, after, 10), chunk=16, overlap=4)
    mixture = noise(2, 100 * 12 * manifest.hop_length)
    time_limit = TimeLimit(limit, clock=clock)
    stems = separator.separate(mixture, sample_rate=44100, time_limit=time_limit)
    assert clock.now - 1000 <= limit + 2.0
    assert time_limit.passes.total() >= 100
    for stem in stems.values():
        assert stem.shape == mixture.shape
        np.testing.assert_allclose(stem, mixture / 2, atol=1e-4)  # the cheap estimate has learnt the factor of a half
    if limit == 60 and after == 40:
        assert {0, 1, 2} <= set(time_limit.passes)


def test_the_overrun_is_the_time_since_the_end_of_the_limit():
    clock = Clock()
    limit = TimeLimit(10, clock=clock)
    assert limit.overrun == 0
    TimeLimit.started(limit)
    for now, overrun in ((1005, 0), (1010, 0), (1012.5, 2.5)):
        clock.now = now
        assert limit.overrun == overrun


def test_time_is_kept_for_the_work_after_the_last_chunk(manifest):
    clock = Clock()
    separator = Separator(manifest, slowing(clock, 0.2, 0, 1), chunk=16, overlap=4)
    limit = TimeLimit(20.0, clock=clock)
    limit.keep(8.0)
    separator.separate(noise(2, 100 * 12 * manifest.hop_length), sample_rate=44100, time_limit=limit)
    assert 9 < clock.now - 1000 <= 10.2  # a quarter more than expected is kept


@pytest.mark.parametrize("concurrency", [2, 3])
def test_with_chunks_at_once_every_chunk_is_counted(manifest, concurrency):
    """With a clock that stands still, all passes are made, in any order of the threads."""

    class Network:
        def __call__(self, planes, targets):
            return np.float32(0.5) * echo_network(planes, targets)

    Network.concurrency = concurrency
    separator = Separator(manifest, Network(), chunk=16, overlap=4)
    mixture = noise(2, 30 * 12 * manifest.hop_length)
    limit = TimeLimit(1.0, clock=Clock())
    stems = separator.separate(mixture, sample_rate=44100, time_limit=limit)
    assert limit.passes == {
        MAX_PASSES: SpectralSeparator(manifest, Network(), chunk=16, overlap=4).chunks(mixture.shape[1])
    }
    np.testing.assert_allclose(stems["bass"], mixture / 2, atol=1e-5)


def test_work_beside_the_passes_takes_time_of_its_own_without_them():
    """The rest of the chain works in half of the time of a pass. Chunks without a pass still need this half."""
    clock = Clock()
    limit = TimeLimit.started(TimeLimit(10.0, max_passes=1, clock=clock))
    planes = np.ones((1, 4, 2, 3), np.float32)

    def network(planes, targets):
        clock.now += 0.5
        with limit.waiting():
            clock.now += 0.5
        return planes[:, np.newaxis]

    (limited,) = limit.limited([Work(network, chunks=16, targets=1, gain=1.0)])
    for _ in range(16):
        before = clock.now
        limited(planes, np.array([0]))
        if clock.now == before:
            clock.now += 0.5
            with limit.waiting():
                pass
    assert clock.now - 1000 <= 10 + 1
    assert set(limit.passes) == {0, 1}


def test_passes_are_turned_back(manifest):
    """A network whose estimates turn with the mixture's phase gives the same with one pass and with all."""
    clock = Clock()
    seen = []

    def network(planes, targets):
        seen.append(planes)
        return echo_network(planes, targets)

    separator = Separator(manifest, network)
    mixture = noise(2, 20000)
    once = separator.separate(mixture, sample_rate=44100)
    passes_of_one = len(seen)
    limit = TimeLimit(1.0, clock=clock)
    often = separator.separate(mixture, sample_rate=44100, time_limit=limit)
    assert len(seen) == (1 + MAX_PASSES) * passes_of_one
    assert limit.passes == {MAX_PASSES: passes_of_one}
    for target in once:
        np.testing.assert_allclose(often[target], once[target], atol=1e-5)
    spectra = [planes[0, :2] + 1j * planes[0, 2:] for planes in seen[passes_of_one : passes_of_one + MAX_PASSES]]
    for spectrum, angle in zip(spectra, PHASE_ROTATIONS, strict=True):
        np.testing.assert_allclose(spectrum, spectra[0] * np.exp(1j * np.radians(angle)), atol=1e-4)


def test_the_mean_of_passes_is_taken(manifest):
    """A network that keeps the real part alone. The mean over the phases is half of the mixture."""

    def network(planes, targets):
        planes = planes * np.array([1, 1, 0, 0], np.float32)[:, np.newaxis, np.newaxis]
        return echo_network(planes, targets)

    mixture = noise(2, 5000)
    limit = TimeLimit(1.0, clock=Clock())
    stems = Separator(manifest, network).separate(mixture, sample_rate=44100, time_limit=limit)
    np.testing.assert_allclose(stems["bass"], mixture / 2, atol=1e-5)


def test_without_any_time_the_mixture_is_shared(manifest):
    clock = Clock()

    def blocks(mixture):
        clock.now += 2.0
        yield mixture

    mixture = noise(1, 5000)
    limit = TimeLimit(1.0, clock=clock)
    separator = Separator(manifest, lambda *_: pytest.fail("there was no time for the network"))
    stems = joined(separator.stream(blocks(mixture), sample_rate=44100, time_limit=limit, samples=5000))
    assert set(limit.passes) == {0}
    for stem in stems.values():
        np.testing.assert_allclose(stem, mixture / 4, atol=1e-6)


@pytest.mark.parametrize("sample_rate", [8000, 44100, 48000])
@pytest.mark.parametrize("length", [1, 5000, 5001, 100_000])
def test_chunks_are_as_many_as_were_expected(manifest, sample_rate, length):
    """With another number, the last chunks would get too little time, or too much."""
    calls = []

    def network(planes, targets):
        calls.append(planes.shape)
        return echo_network(planes, targets)

    separator = Separator(manifest, network)
    list(separator.stream(split(noise(1, length), 999), sample_rate=sample_rate))
    chunks = SpectralSeparator(manifest, network).chunks(math.ceil(length * 44100 / sample_rate))
    assert abs(len(calls) - chunks) <= (sample_rate != 44100)


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_limits_out_of_range(echo, seconds):
    with pytest.raises(ValueError, match="above 0 seconds"):
        echo.separate(noise(1, 10), sample_rate=44100, time_limit=seconds)


def test_a_limit_serves_one_track(echo):
    limit = TimeLimit(100)
    echo.separate(noise(1, 10), sample_rate=44100, time_limit=limit)
    with pytest.raises(ValueError, match="another track"):
        echo.separate(noise(1, 10), sample_rate=44100, time_limit=limit)
    with pytest.raises(ValueError, match="max_passes to be a whole number of 1 to 4"):
        TimeLimit(1, max_passes=5)
