"""The main jobs, put together from all the parts: search, resume, dry run, score."""

from vitnas.job.dry_run import dry_run
from vitnas.job.score import score
from vitnas.job.search import resume_search, run_search

__all__ = ["dry_run", "resume_search", "run_search", "score"]
