"""Runs the benchmarks one after another, each alone on the machine; the long ones only with --long."""

import subprocess
import sys
from pathlib import Path

SHORT = (
    ["corpus.py"],
    ["recurrent.py"],
    ["latency.py"],
    ["epoch.py"],
    ["phrases.py"],
    ["vector_files.py"],
    ["crf.py"],
)
LONG = (
    ["static_vectors.py"],
    ["static_vectors.py", "--growth"],
    ["static_vectors.py", "--scaling"],
    ["projected.py"],
    ["encoding.py"],
    ["all_pairs.py"],
    ["pretraining.py", "bert", "mini"],
    ["pretraining.py", "albert", "tiny"],
    ["contextual.py", "cache"],
    ["contextual.py", "dropout"],
    ["contextual.py", "frozen"],
    ["contextual.py", "tuned"],
    ["vectors_into_bert.py", "--keep"],
    ["imdb.py"],
    ["imdb.py", "--chinese"],
    ["tagging.py", "conll"],
    ["tagging.py", "msra"],
    ["tagging.py", "cluener"],
    ["questions.py"],
    ["shallow.py"],
    ["height.py"],
)

if __name__ == "__main__":
    here = Path(__file__).parent
    for script, *arguments in (*SHORT, *(LONG if "--long" in sys.argv else ())):
        print(f"\n— {script} {' '.join(arguments)}", flush=True)
        subprocess.run([sys.executable, str(here / script), *arguments], check=True)
