"""`wordladder index`: build an index of one's own texts, and measure how well it finds."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ..data.plurals import counted
from ..errors import SettingError
from .console import (
    STOPPED,
    console,
    duration,
    errors,
    interval,
    milliseconds,
    print_figures,
    print_json,
    progress_bar,
    tell,
)
from .encoding import open_encoder
from .index_demo import demo
from .options import Json, judged_options
from .signatures import command_options, library_options

if TYPE_CHECKING:
    from ..search.evaluation import FittedShare, SearchEvaluation

app = typer.Typer(
    help="An index of your own texts: build it, and measure how well it finds.", no_args_is_help=True
)

_COLUMN = {"metavar": "COLUMN"}
DOCUMENTS = library_options(
    "search/documents.py",
    "read_documents",
    {"Documents": "format text id fields only"},
    text=_COLUMN,
    id=_COLUMN,
    fields=_COLUMN | {"flags": ["--field"]},
    only={"metavar": "PATTERN"},
)
NEW = library_options(
    "search/settings.py",
    "IndexSettings",
    {"A new index": "passage_words overlap stemmer chinese"},
    passage_words={"default": None, "show_default": "160"},
    overlap={"default": None, "show_default": "32"},
    stemmer={"default": None, "show_default": "english"},
    chinese={"default": None},
)
BUILD = library_options("search/building.py", "build_index", {"Options": "prune"})
EVALUATE = [
    *library_options(
        "search/evaluation.py", "evaluate", {"Options": "by k depth"}, k={"min": 1}, depth={"min": 1}
    ),
    *judged_options("Options"),
]


@app.command()
@command_options(BUILD, DOCUMENTS, NEW, encoder={"metavar": "MODEL"}, output={"metavar": "INDEX"})
def build(
    files: list[Path], *, output: str, encoder: str | None = None, json: Json = False, **options: Any
) -> None:
    """Build an index of texts to search in, or bring it up to date.

    An index that is there is updated: only documents that are new or have changed are embedded. So the same
    command goes on where it was broken off.

    Example:  wordladder index build notes/ papers.jsonl --encoder MiniLM/ --output index

    Args:
        files: Text, JSON lines, tables, test collections, or folders of these; compressed or not.
        output: Folder of the index, or the address of a server: postgresql://…
        encoder: Folder or hub name of a model, or a file of word vectors, as for `wordladder embed`. If not
            given, a new index is searched by words alone, and an old one keeps its encoder.
    """
    from ..search.building import build_index
    from ..search.documents import read_documents

    settings = {one.name: options.pop(one.name) for one in NEW}
    given = {name: value for name, value in settings.items() if value is not None}
    prune = options.pop("prune")
    try:
        with progress_bar() as progress:
            documents = read_documents(files, **options)
            built = build_index(documents, output, encoder=encoder, prune=prune, progress=progress, **given)
    except KeyboardInterrupt:
        errors.print("stopped. What was written is kept; the same command goes on")
        raise typer.Exit(STOPPED) from None
    if json:
        print_json(built.to_json())
        return
    names = ("added", "updated", "unchanged") + (("deleted",) if prune else ())
    console.print("   ".join(f"[dim]{name}[/dim] {getattr(built, name):,}" for name in names))
    size = "" if built.size_mb is None else f", {built.size_mb:.1f} MB"
    held = f"{counted(built.documents, 'document')} in {counted(built.passages, 'passage')}"
    console.print(f"[dim]{held}{size}, {duration(built.seconds)}[/dim]")


@app.command()
@command_options(EVALUATE, index={"metavar": "INDEX"}, rerank={"metavar": "MODEL"})
def evaluate(
    index: str,
    *,
    queries: Path,
    qrels: Path,
    rerank: Path | None = None,
    fit: bool = False,
    json: Json = False,
    **options: Any,
) -> None:
    """Measure how well an index finds the documents that are relevant to queries.

    Prints nDCG, MRR and recall, each with its 95 % interval over the queries, and how long a query takes.

    Example:  wordladder index evaluate index --queries queries.jsonl --qrels qrels/test.tsv

    Args:
        index: Folder or address of the index.
        queries: Queries: lines `id<TAB>text`, JSON lines, SMART, TREC topics or a SQuAD document.
        qrels: Which documents are relevant: TREC or BEIR columns, `query document grade`, or the same SQuAD
            document.
        rerank: A saved model of pairs or of similarity that ranks the passages again.
        fit: Choose the share of words in the fusion on these queries, and with --rerank that of the reranker
            in the score; the index keeps them. Evaluate them on other queries, and train the reranker on
            others.
    """
    from ..extras import require
    from ..search.evaluation import evaluate, fit_reranker, fit_words
    from ..search.index import Index
    from ..search.judgements import read_judgements, read_queries

    require("ir_measures", "search", "Evaluating an index")
    if fit and options["by"] not in (None, "hybrid"):
        raise SettingError("--fit is for the hybrid search: leave --by out.")
    asked = read_queries(queries, numbering=options.pop("numbering"))
    judged = read_judgements(qrels, lowest_is_best=options.pop("lowest_is_best"))
    with Index.open(index) as opened, progress_bar() as progress:
        model = None if rerank is None else open_encoder(rerank)
        if fit:
            how: dict[str, Any] = {"depth": options["depth"], "progress": progress}
            fitted = {"words": fit_words(opened, asked, judged, **how)} if opened.settings.dim else {}
            if model is not None:
                fitted["reranker"] = fit_reranker(opened, asked, judged, model, **how)
        else:
            found = evaluate(opened, asked, judged, rerank=model, progress=progress, **options)
    if fit:
        _show_shares(fitted, json)
        return
    if json:
        print_json(found.to_json())
        return
    _show(found)
    others = sum(name not in asked for name in judged)
    if found.left_out and others:
        tell(
            [
                f"{others} of {counted(len(judged), 'judged query', 'judged queries')} are not in {queries}; "
                "where judgements count the queries from 1, use --numbering order"
            ],
            console,
        )


def _show(found: "SearchEvaluation") -> None:
    for name, one in found.measures.items():
        bounds = interval(one.interval)
        console.print(f"{name:<11} [bold]{one.value:.3f}[/bold]  (95 % interval {bounds})")
        console.print(f"[dim]{'':<11} {one.definition}[/dim]")
    times = f"{milliseconds(found.p50)} a query (p50), {milliseconds(found.p95)} (p95)"
    console.print(f"{counted(found.queries, 'query', 'queries')} by {found.by}, {times}")
    if found.left_out:
        left = counted(found.left_out, "query", "queries")
        tell([f"{left} without a relevant document left out"], console)
    if found.unknown:
        tell([f"{counted(found.unknown, 'judgement')} of documents that the index does not have"], console)


def _show_shares(fitted: "dict[str, FittedShare]", json: bool) -> None:
    if json:
        print_json({name: one.to_json() for name, one in fitted.items()})
        return
    for name, one in fitted.items():
        rows = [
            [f"{share:.1f}", f"[bold]{value:.3f}[/bold]" if share == one.share else f"{value:.3f}"]
            for share, value in one.tried.items()
        ]
        print_figures([f"share of {'words' if name == 'words' else 'the reranker'}", "nDCG@10"], rows)
        console.print(f"The index keeps the share {one.share}.")
    tell(["chosen on these queries; evaluate on others"], console)


@app.command()
@command_options(
    library_options("search/upgrade.py", "upgrade", {"Options": "sample kind seed"}, sample={"min": 20}),
    judged_options("Queries"),
    index={"metavar": "INDEX"},
    encoder={"metavar": "MODEL"},
)
def upgrade(
    index: str,
    *,
    encoder: Path,
    queries: Path | None = None,
    qrels: Path | None = None,
    json: Json = False,
    **options: Any,
) -> None:
    """Change the encoder of an index without embedding all of it again.

    A sample is embedded by the new encoder, and the vectors of all other passages are mapped to about where
    it would have put them.

    Example:  wordladder index upgrade index --encoder better-model/

    Args:
        index: Folder or address of the index.
        encoder: Folder or hub name of the new model, or a file of word vectors.
        queries: Queries, to measure what is lost or won; as for `wordladder index evaluate`.
        qrels: Which documents are relevant to them.
    """
    from ..search.evaluation import evaluate
    from ..search.index import Index
    from ..search.judgements import read_judgements, read_queries
    from ..search.upgrade import upgrade

    if (queries is None) != (qrels is None):
        raise SettingError("--queries and --qrels belong together")
    numbering, lowest_is_best = options.pop("numbering"), options.pop("lowest_is_best")
    measured: dict[str, Any] = {}
    with Index.open(index) as opened, progress_bar() as progress:
        if queries is not None and qrels is not None:
            asked = read_queries(queries, numbering=numbering)
            judged = read_judgements(qrels, lowest_is_best=lowest_is_best)
            how: dict[str, Any] = {"by": "vectors", "progress": progress}
            before = evaluate(opened, asked, judged, **how)
            done = upgrade(opened, encoder, progress=progress, **options)
            after = evaluate(opened, asked, judged, **how)
            measured = {"before": before.measures["nDCG@10"].value, "after": after.measures["nDCG@10"].value}
            measured["difference"] = vars(after.better_than(before)["nDCG@10"])
        else:
            done = upgrade(opened, encoder, progress=progress, **options)
    found = {name: value for name, value in vars(done.map).items() if name != "matrix"}
    if json:
        print_json(
            {"passages": done.passages, "embedded": done.embedded, **found, "nDCG@10": measured or None}
        )
        return
    mapped = counted(done.passages - done.embedded, "vector")
    if done.embedded == done.passages:
        console.print(f"all {counted(done.passages, 'passage')} embedded, none mapped")
        return
    console.print(f"{counted(done.embedded, 'passage')} embedded, {mapped} mapped ({done.map.kind})")
    console.print(
        f"[dim]held-out passages:[/dim] mean cosine with their new vectors "
        f"[bold]{done.map.cosine:.3f}[/bold], {done.map.agreement:.0%} of the ten nearest the same"
    )
    if not measured:
        tell(["measure it on your own queries: --queries and --qrels"], console)
        return
    more = measured["difference"]
    interval_of = f"{more['low']:+.3f} to {more['high']:+.3f}"
    console.print(
        f"[dim]by vectors:[/dim] nDCG@10 {measured['before']:.3f} before, "
        f"[bold]{measured['after']:.3f}[/bold] now ({more['value']:+.3f}, 95 % interval {interval_of})"
    )


app.command()(demo)
