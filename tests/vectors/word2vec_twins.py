"""Word2Vec once more, in plain Python: the same random numbers, word after word, in double precision."""

import numpy as np

from wordladder.kernels.registers import ROWS
from wordladder.kernels.sampling import LINE

MASK = (1 << 64) - 1


class Stream:
    """splitmix64."""

    def __init__(self, seed):
        self.state = seed

    def draw(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        bits = self.state
        bits = ((bits ^ bits >> 30) * 0xBF58476D1CE4E5B9) & MASK
        bits = ((bits ^ bits >> 27) * 0x94D049BB133111EB) & MASK
        return bits ^ bits >> 31


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def word2vec(model, ids, tables, inputs, outputs, schedule, window, negative, seed):
    """Learn in place from all ids; the mean loss of every sixteenth centre, as the kernels tell it."""
    stream, losses, centres, at = Stream(seed), [], 0, 0
    learn = {"skipgram": skipgram, "cbow": cbow}[model]
    while at < len(ids):
        rate = max(schedule.floor, schedule.rate - schedule.slope * at)
        line = []
        while at < len(ids) and len(line) < LINE:
            word = ids[at]
            at += 1
            if word < 0:
                break
            if stream.draw() >> 32 <= tables.keep[word]:
                line.append(word)
        following = targets_of(line[:1], tables.alias, negative, stream)
        for place, word in enumerate(line):
            targets = following
            # the next centre's targets are drawn before this one's span
            following = targets_of(line[place + 1 : place + 2], tables.alias, negative, stream)
            span = 1 + ((stream.draw() >> 32) * window >> 32)
            contexts = [*line[max(0, place - span) : place], *line[place + 1 : place + 1 + span]]
            rates = np.array([rate] + [rate * (target != word) for target in targets[1:]])
            if contexts or model == "skipgram":
                loss = learn(inputs, outputs, contexts, targets, rates)
                centres += 1
                losses += loss if centres % 16 == 0 else []
    return np.mean(losses) if losses else 0.0


def targets_of(words, alias, negative, stream):
    """The one word and its negatives, or nothing for no word."""
    targets = list(words)
    for _ in range(negative if words else 0):
        bits = stream.draw()
        place = (bits >> 32) * len(alias) >> 32
        targets.append(place if bits & 0xFFFFFFFF <= alias[place, 0] else int(alias[place, 1]))
    return targets


def labels_of(targets):
    return np.eye(1, len(targets))[0]


def loss_of(dots, targets, rates):
    likelihood = np.where(labels_of(targets), sigmoid(dots), sigmoid(-dots))
    return -np.log(likelihood[rates > 0]).sum()


def skipgram(inputs, outputs, contexts, targets, rates):
    dots = inputs[contexts] @ outputs[targets].T  # (contexts, targets)
    scores = (labels_of(targets) - sigmoid(dots)) * rates
    for block in range(0, len(targets), ROWS):
        some, part = targets[block : block + ROWS], scores[:, block : block + ROWS]
        old, moves = outputs[some], np.zeros((len(some), inputs.shape[1]))
        for context, shares in zip(contexts, part):  # a word may stand in the line twice
            moves += np.outer(shares, inputs[context])
            inputs[context] += shares @ old
        np.add.at(outputs, some, moves)
    return [loss_of(one, targets, rates) for one in dots]


def cbow(inputs, outputs, contexts, targets, rates):
    mean = inputs[contexts].mean(axis=0)
    dots = outputs[targets] @ mean
    scores = (labels_of(targets) - sigmoid(dots)) * rates
    move = np.zeros_like(mean)
    for block in range(0, len(targets), ROWS):
        some, shares = targets[block : block + ROWS], scores[block : block + ROWS]
        move += shares @ outputs[some]
        np.add.at(outputs, some, np.outer(shares, mean))
    np.add.at(inputs, contexts, move)
    return [loss_of(dots, targets, rates)]
