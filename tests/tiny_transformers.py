"""Tiny transformers with random weights and tokenizers of their own, saved as Hugging Face saves them."""

from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import (
    AlbertConfig,
    AlbertModel,
    AlbertTokenizer,
    BertConfig,
    BertModel,
    BertTokenizer,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaModel,
)

from wordladder.embedders._training_text import TrainingText
from wordladder.embedders.transformer import Transformer
from wordladder.text.words import tokenize

TEXTS = [
    "The good film, a very bad one! Was it the actor's best?",
    "我喜欢 the good 电影。这个故事真好！",
    "Crème brûlée in the café, naïve über straße",
    "unbelievable acting and a wonderfully unpredictable story 😀👍🏽",
]
SIZES = {
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": 64,
}


def tiny_bert(folder: Path, seed: int = 1) -> Path:
    """A BERT of three layers over a WordPiece tokenizer that lower-cases and knows few words."""
    letters = sorted(set("abcdefghijklmnopqrstuvwxyz',.!?我喜欢电影这个故事真好。！😀"))
    words = ["the", "good", "film", "bad", "##able", "##ing", "un", "##be", "act", "story", "##ly", "##s"]
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *words]
    vocabulary += [f"##{letter}" for letter in letters if letter.isascii() and letter.isalpha()]
    tokenizer = BertTokenizer(vocab={word: row for row, word in enumerate(vocabulary)})
    torch.manual_seed(seed)
    return _save(BertModel(BertConfig(vocab_size=len(vocabulary), **SIZES)), tokenizer, folder)


def tiny_albert(folder: Path, seed: int = 1) -> Path:
    """An ALBERT of three layers that share weights, over a Unigram tokenizer with SentencePiece's blanks."""
    frame = AlbertTokenizer()
    trained = Tokenizer(models.Unigram())
    trained.normalizer, trained.pre_tokenizer = (
        frame.backend_tokenizer.normalizer,
        frame.backend_tokenizer.pre_tokenizer,
    )
    special = ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.UnigramTrainer(
        vocab_size=120, special_tokens=special, unk_token="<unk>", show_progress=False
    )
    trained.train_from_iterator(TEXTS * 4, trainer)
    pieces = sorted(trained.get_vocab().items(), key=lambda pair: pair[1])
    tokenizer = AlbertTokenizer(vocab=[(piece, -float(row)) for piece, row in pieces])
    torch.manual_seed(seed)
    model = AlbertModel(AlbertConfig(vocab_size=len(tokenizer), embedding_size=8, **SIZES))
    return _save(model, tokenizer, folder)


def tiny_roberta(folder: Path, seed: int = 1) -> Path:
    """A RoBERTa of three layers over byte-level pairs, with words whose letters are several pieces."""
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    trained.train_from_iterator(TEXTS * 4, trainer)
    trained.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=trained, cls_token="<s>", sep_token="</s>", pad_token="<pad>", unk_token="<unk>"
    )
    torch.manual_seed(seed)
    sizes = SIZES | {"max_position_embeddings": 66, "pad_token_id": 1}
    return _save(RobertaModel(RobertaConfig(vocab_size=len(tokenizer), **sizes)), tokenizer, folder)


def embedder(folder: Path, **settings) -> Transformer:
    """The embedder that reads a folder, in evaluation mode."""
    torch.manual_seed(1)
    made = Transformer(source=str(folder), **{"overlap": 8, "precision": "float32", **settings})
    made.initialise(TrainingText(tokenize(["a"])))
    return made.eval()


def _save(model: torch.nn.Module, tokenizer, folder: Path) -> Path:
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
