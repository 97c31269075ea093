"""Word2Vec once more, in plain Python: the same random numbers, word after word, in double precision."""

import numpy as np

from wordladder.kernels.sampling import LINE
from wordladder.kernels.simd import ROWS

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


class Targets:
    """Rows of the outputs, what each should answer, and how fast it learns."""

    def __init__(self, rows, labels, rates):
        self.rows, self.labels, self.rates = list(rows), np.array(labels, float), np.array(rates, float)


def word2vec(model, ids, tables, inputs, outputs, schedule, window, negative, seed, mean=True):
    """Learn in place from all ids; the mean loss of every sixteenth centre, as the kernels tell it."""
    stream, losses, centres, at = Stream(seed), [], 0, 0
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
        following = targets_of(line[:1], tables, negative, rate, stream)
        for place in range(len(line)):
            targets = following
            # the next centre's targets are drawn before this one's span
            following = targets_of(line[place + 1 : place + 2], tables, negative, rate, stream)
            span = 1 + ((stream.draw() >> 32) * window >> 32)
            contexts = [*line[max(0, place - span) : place], *line[place + 1 : place + 1 + span]]
            if contexts or model == "skipgram":
                if model == "skipgram":
                    loss = skipgram(inputs, outputs, contexts, targets)
                else:
                    loss = cbow(inputs, outputs, contexts, targets, mean)
                centres += 1
                losses += loss if centres % 16 == 0 else []
    return np.mean(losses) if losses else 0.0


def targets_of(words, tables, negative, rate, stream):
    """What the one word is learned by; nothing for no word."""
    if words and len(tables.tree.nodes):
        way = slice(*tables.tree.begins[words[0] : words[0] + 2])
        nodes = tables.tree.nodes[way]
        return Targets(nodes, tables.tree.labels[way], [rate] * len(nodes))
    rows, alias = list(words), tables.alias
    for _ in range(negative if words else 0):
        bits = stream.draw()
        place = (bits >> 32) * len(alias) >> 32
        rows.append(place if bits & 0xFFFFFFFF <= alias[place, 0] else int(alias[place, 1]))
    rates = [rate * (i == 0 or row != rows[0]) for i, row in enumerate(rows)]
    return Targets(rows, [i == 0 for i in range(len(rows))], rates)


def loss_of(dots, targets):
    likelihood = np.where(targets.labels, sigmoid(dots), sigmoid(-dots))
    return -np.log(likelihood[targets.rates > 0]).sum()


def skipgram(inputs, outputs, contexts, targets):
    dots = inputs[contexts] @ outputs[targets.rows].T  # (contexts, targets)
    scores = (targets.labels - sigmoid(dots)) * targets.rates
    for block in range(0, len(targets.rows), ROWS):
        some, part = targets.rows[block : block + ROWS], scores[:, block : block + ROWS]
        old, moves = outputs[some], np.zeros((len(some), inputs.shape[1]))
        for context, shares in zip(contexts, part):  # a word may stand in the line twice
            moves += np.outer(shares, inputs[context])
            inputs[context] += shares @ old
        np.add.at(outputs, some, moves)
    return [loss_of(one, targets) for one in dots]


def cbow(inputs, outputs, contexts, targets, mean):
    hidden = inputs[contexts].sum(axis=0) / (len(contexts) if mean else 1)
    dots, move = learn(outputs, hidden, targets)
    np.add.at(inputs, contexts, move / (1 if mean else len(contexts)))
    return [loss_of(dots, targets)]


def learn(outputs, hidden, targets):
    """Move the targets; the dot products before, and how the hidden vector should move."""
    dots = outputs[targets.rows] @ hidden
    scores = (targets.labels - sigmoid(dots)) * targets.rates
    move = np.zeros_like(hidden)
    for block in range(0, len(targets.rows), ROWS):
        some, shares = targets.rows[block : block + ROWS], scores[block : block + ROWS]
        move += shares @ outputs[some]
        np.add.at(outputs, some, np.outer(shares, hidden))
    return dots, move
