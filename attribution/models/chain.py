"""A Markov chain over windows, and its removal effects, solved exactly by linear algebra.

Q holds the chances of moving between states, r the reward on leaving to the conversion, s where journeys
start. With N = (I - Q)^-1, x = N r is what a walk still earns in each state and y = s N how often it is
visited; s x is the reward of all walks. Walks through the states S of a name earn y_S N_SS^-1 x_S: the
distribution of the first state of S that they meet, times what they earn from there (Kemeny and Snell,
Finite Markov Chains, 1960, chapter 3). That is what sending S to null loses, so the removal effect is

    RE = y_S N_SS^-1 x_S / (s x)

"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csc_array, eye_array
from scipy.sparse.linalg import splu

from attribution.journeys.columns import BoolArray, FloatArray, IntArray, sums_by
from attribution.models.windows import Windows
from attribution.sorted_sets import as_set

_DENSE = 5000  # up to so many states the whole inverse is made: one solution serves all names
_SMALL = 300  # up to so many in any case
_STEPS_A_STATE = 8.0  # below, a factorisation stays sparse, and beats the inverse beyond a few hundred states
_NOTHING = 1e-12  # of all that moved: values that cancel to less are none
_COLUMNS = 256  # of an inverse solved for at a time, beyond


@dataclass(frozen=True)
class Chain:
    """A chain with S states; self-transitions are left out, which changes no removal effect.

    Attributes:
        states: int64[S, k], the codes of a state's names, -1 before a shorter path.
        source, target, times: int64[T], int64[T], float64[T], steps between states.
        started, converted, null, value: float64[S], per state.
    """

    states: IntArray
    source: IntArray
    target: IntArray
    times: FloatArray
    started: FloatArray
    converted: FloatArray
    null: FloatArray
    value: FloatArray

    @cached_property
    def left(self) -> FloatArray:
        """How often each state was left, float64[S]."""
        out = sums_by(self.source, self.times, len(self.states))
        return out + self.converted + self.null


def make_chain(counted: Windows) -> Chain:
    """Turn counts into a chain; states that no journey reached are not in it."""
    base, order = counted.base, counted.order
    room = base**order
    taken = counted.times > 0
    step, times = counted.step[taken], counted.times[taken]
    begins = step < room  # the leading digit is 0
    ended = (counted.converted + counted.null) > 0
    source, target = step // base, step % room
    codes = as_set(np.concatenate((target, counted.end[ended])))
    moves = ~begins & (source != target)
    digits = codes[:, None] // base ** np.arange(order - 1, -1, -1) % base

    def place(values: IntArray) -> IntArray:
        return np.searchsorted(codes, values).astype(np.int64)

    def at_end(values: FloatArray) -> FloatArray:
        return sums_by(place(counted.end[ended]), values[ended], len(codes))

    return Chain(
        states=digits.astype(np.int64) - 1,
        source=place(source[moves]),
        target=place(target[moves]),
        times=times[moves],
        started=sums_by(place(target[begins]), times[begins], len(codes)),
        converted=at_end(counted.converted),
        null=at_end(counted.null),
        value=at_end(counted.value),
    )


@dataclass(frozen=True)
class RemovalEffects:
    """Per walk: what it earns, and what share of it is lost without each name.

    Attributes:
        earned: float64[2], the chance to convert and the expected value.
        effects: float64[K, 2], removal effects for conversions and for value; 0 where nothing is earned.
    """

    earned: FloatArray
    effects: FloatArray


def removal_effects(chain: Chain, n_names: int) -> RemovalEffects:
    """Solve a chain for all names at once."""
    if not len(chain.states):
        return RemovalEffects(np.zeros(2), np.zeros((n_names, 2)))
    start = chain.started / chain.started.sum()
    reward = np.stack([chain.converted, chain.value], axis=1) / chain.left[:, None]
    moves = csc_array(
        (chain.times / chain.left[chain.source], (chain.source, chain.target)),
        shape=(len(chain.states),) * 2,
    )
    holds = [np.flatnonzero((chain.states == name).any(axis=1)) for name in range(n_names)]
    n, order = chain.states.shape
    sparse = order > 1 and len(chain.times) < _STEPS_A_STATE * n
    if n <= (_SMALL if sparse else _DENSE):
        earned, lost = _dense(moves, start, reward, holds)
    elif order == 1:
        earned, lost = _by_diagonal(moves, start, reward, holds)
    else:
        earned, lost = _one_by_one(moves, start, reward, holds)
    # a walk earns what a journey did on average: the sums tell nothing from the last bit of a float
    sums = np.stack([chain.converted, chain.value])
    earns = np.abs(sums.sum(axis=1)) > _NOTHING * np.abs(sums).sum(axis=1)
    effects = np.divide(lost, earned, out=np.zeros_like(lost), where=earns)
    return RemovalEffects(np.where(earns, earned, 0.0), effects)


def _dense(
    moves: csc_array, start: FloatArray, reward: FloatArray, holds: list[IntArray]
) -> tuple[FloatArray, FloatArray]:
    inverse = np.linalg.inv(np.eye(len(start)) - moves.toarray())
    visits, worth = start @ inverse, inverse @ reward
    lost = np.zeros((len(holds), reward.shape[1]))
    for name, states in enumerate(holds):
        if len(states):
            lost[name] = visits[states] @ np.linalg.solve(inverse[np.ix_(states, states)], worth[states])
    return start @ worth, lost


def _by_diagonal(
    moves: csc_array, start: FloatArray, reward: FloatArray, holds: list[IntArray]
) -> tuple[FloatArray, FloatArray]:
    """Order 1: a name is one state, so of the inverse only the diagonal is needed."""
    n = len(start)
    solver = splu(csc_array(eye_array(n) - moves))
    visits: FloatArray = solver.solve(start, trans="T")  # type: ignore[call-overload]  # the stubs lack trans
    worth = solver.solve(reward)
    diagonal = np.empty(n)
    for first in range(0, n, _COLUMNS):
        columns = np.arange(first, min(first + _COLUMNS, n))
        unit = np.zeros((n, len(columns)))
        unit[columns, np.arange(len(columns))] = 1.0
        diagonal[columns] = solver.solve(unit)[columns, np.arange(len(columns))]
    lost = np.zeros((len(holds), reward.shape[1]))
    through = (visits / diagonal)[:, None] * worth
    for name, states in enumerate(holds):
        if len(states):
            lost[name] = through[states[0]]
    return start @ worth, lost


def _one_by_one(
    moves: csc_array, start: FloatArray, reward: FloatArray, holds: list[IntArray]
) -> tuple[FloatArray, FloatArray]:
    """Many states: solve the chain once more without the states of each name."""
    earned = _earned(moves, start, reward, np.ones(len(start), np.bool_))
    lost = np.zeros((len(holds), reward.shape[1]))
    for name, states in enumerate(holds):
        stays = np.ones(len(start), np.bool_)
        stays[states] = False
        lost[name] = earned - _earned(moves, start, reward, stays)
    return earned, lost


def _earned(moves: csc_array, start: FloatArray, reward: FloatArray, stays: BoolArray) -> FloatArray:
    rows = np.flatnonzero(stays)
    if not len(rows):
        return np.zeros(reward.shape[1])
    part = csc_array(eye_array(len(rows)) - moves[rows][:, rows])
    earned: FloatArray = start[rows] @ splu(part).solve(reward[rows])
    return earned
